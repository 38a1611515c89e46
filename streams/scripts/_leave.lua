-- Takes entries out of their stream for good. Deleted first: should the server stop between
-- the two, the pending row is found by the next sweep, while an entry that was acknowledged
-- and not deleted would stay in memory and in XLEN, and nobody would look at it again.
local function leave(stream, ...)
  redis.call('XDEL', stream, ...)
  redis.call('XACK', stream, GROUP, ...)
end

-- Opens the unique slot, if this job is the one that holds it.
local function open_slot(unique_key, unique, id)
  if unique ~= '' and redis.call('GET', unique_key) == id then
    redis.call('DEL', unique_key)
  end
end
