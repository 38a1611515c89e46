-- Whether an entry has been delivered. One that has, and is in no pending list, is never
-- delivered again: somebody removed its consumer or acknowledged it by hand.
local function group_row(stream)
  local answer = redis.pcall('XINFO', 'GROUPS', stream)
  for _, row in ipairs(answer.err and {} or answer) do
    local found = {}
    for i = 1, #row, 2 do found[row[i]] = row[i + 1] end
    if found.name == GROUP then return found end
  end
  return nil
end

-- Ids are two numbers of up to 20 digits: more than a number of Lua holds.
local function not_greater(one, other)
  if #one ~= #other then return #one < #other end
  return one <= other
end

local function was_delivered(entry, group)
  if not group then return false end
  local ms, seq = string.match(entry, '^(%d+)-(%d+)$')
  local last_ms, last_seq = string.match(group['last-delivered-id'], '^(%d+)-(%d+)$')
  if not ms or not last_ms then return false end
  if ms == last_ms then return not_greater(seq, last_seq) end
  return not_greater(ms, last_ms)
end
