-- Jobs that a consumer has, level by level, the oldest entry first. Reads only; looks at
-- `count` pending rows, of which some may have been handed back, so that a call may bring
-- fewer and still not be at the end.
-- keys: critical high normal low
-- args: level last_level cursor count bytes_max
-- include: _levels _fields _listed
-- flags: no-writes
-- returns: {next level (0 at the end), next cursor, rows as in _listed + owner, idle_ms, deliveries}
local left = tonumber(count)
local found, from = {}, cursor
for number = tonumber(level), tonumber(last_level) do
  local stream = LEVELS[number]
  local rows = redis.pcall('XPENDING', stream, GROUP, from, '+', left)
  for _, row in ipairs(rows.err and {} or rows) do
    left = left - 1
    if not is_nobody(row[2]) then
      local job = listed(number, row[1], fields_of(stream, row[1]) or {})
      for at = 2, 4 do job[#job + 1] = row[at] end
      found[#found + 1] = job
    end
    if left == 0 or bytes >= tonumber(bytes_max) then return { number, '(' .. row[1], found } end
  end
  from = '-'
end
return { 0, '', found }
