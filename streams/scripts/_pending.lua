-- The pending row of one entry, or nil: {entry, owner, idle_ms, deliveries}.
-- A stream without its group has no pending rows; that is no error here.
local function pending_row(stream, entry)
  local found = redis.pcall('XPENDING', stream, GROUP, entry, entry, 1)
  if found.err then return nil end
  return found[1]
end

-- The fence. An entry belongs to a delivery only while the pending list names the same
-- consumer and the same delivery count.
local function owned(stream, entry, consumer, deliveries)
  local row = pending_row(stream, entry)
  return row ~= nil and row[2] == consumer and row[4] == tonumber(deliveries)
end
