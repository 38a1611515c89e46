-- The id of the last event that was written, whether or not it is still there.
local function last_event()
  local found = redis.pcall('XINFO', 'STREAM', events)
  for i = 1, #found, 2 do
    if found[i] == 'last-generated-id' then return found[i + 1] end
  end
  return '0-0'
end
