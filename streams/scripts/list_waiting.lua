-- Jobs that nobody has, level by level: first what was handed back (part 1), then suspects
-- that were (part 2), then what was never delivered (part 3). Reads only, from a place of
-- the list on; ends early where it has read much, because bodies are read.
-- keys: critical high normal low
-- args: level last_level part cursor count bytes_max
-- include: _levels _fields _delivered _listed
-- flags: no-writes
-- returns: {next level (0 at the end), next part, next cursor, rows as in _listed + 1 where it was handed back}
local WINDOW_MAX = 64
local left, most = tonumber(count), tonumber(bytes_max)
local found = {}

local function is_enough() return #found >= left or bytes >= most end

-- Where the next call goes on in this part; nil at its end.
local function list_back(number, from, owner)
  local stream = LEVELS[number]
  local back = redis.pcall('XPENDING', stream, GROUP, from, '+', left - #found, owner)
  for _, row in ipairs(back.err and {} or back) do
    local fields = fields_of(stream, row[1])
    if fields then
      found[#found + 1] = listed(number, row[1], fields)
      table.insert(found[#found], 1)
    end
    if is_enough() then return '(' .. row[1] end
  end
  return nil
end

-- Entries that were delivered since the last call are passed over at one step.
local function list_new(number, from)
  local stream, group = LEVELS[number], group_row(LEVELS[number])
  local seen = string.sub(from, 1, 1) == '(' and string.sub(from, 2)
  if group and (not seen or was_delivered(seen, group)) then from = '(' .. group['last-delivered-id'] end
  local window = 1
  while true do
    local asked = math.min(window, left - #found)
    local rows = redis.call('XRANGE', stream, from, '+', 'COUNT', asked)
    for _, row in ipairs(rows) do found[#found + 1] = listed(number, row[1], row[2]) end
    if #rows < asked then return nil end
    from = '(' .. rows[#rows][1]
    if is_enough() then return from end
    local fitting = math.floor((most - bytes) * #found / math.max(bytes, 1)) + 1
    window = math.min(window * 2, WINDOW_MAX, fitting)
  end
end

local parts = {
  function(number, from) return list_back(number, from, NOBODY) end,
  function(number, from) return list_back(number, from, NOBODY_SUSPECT) end,
  list_new,
}
local from, first = cursor, tonumber(part)
for number = tonumber(level), tonumber(last_level) do
  for at = first, #parts do
    from = parts[at](number, from)
    if from then return { number, at, from, found } end
    from = '-'
  end
  first = 1
end
return { 0, 0, '', found }
