-- Takes an entry out of its stream for good. Acknowledged alone it would stay in memory
-- and in XLEN; deleted alone it would stay in the pending list.
local function leave(stream, entry)
  redis.call('XACK', stream, GROUP, entry)
  redis.call('XDEL', stream, entry)
end

-- Opens the unique slot, if this job is the one that holds it.
local function open_slot(unique_key, unique, id)
  if unique ~= '' and redis.call('GET', unique_key) == id then
    redis.call('DEL', unique_key)
  end
end
