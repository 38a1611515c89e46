-- How many entries each stream has and has had, together with the counters: at one moment,
-- because a busy queue moves thousands of jobs between two looks. Reads only.
-- keys: critical high normal low counters
-- args:
-- include: _levels _delivered
-- flags: no-writes
-- returns: {rows {has group, length, entries added or -1, stranded} a level, -1 as length where there is no stream; counters}
local rows_found = {}
for level, stream in ipairs(LEVELS) do
  local named = {}
  local info = redis.pcall('XINFO', 'STREAM', stream)
  for i = 1, info.err and 0 or #info, 2 do named[info[i]] = info[i + 1] end
  local group = group_row(stream)
  -- Where nothing new waits, all that is there must be pending.
  local stranded = 0
  if group and not redis.call('XRANGE', stream, '(' .. group['last-delivered-id'], '+', 'COUNT', 1)[1] then
    stranded = math.max(0, named.length - group.pending)
  end
  rows_found[level] = { group and 1 or 0, named.length or -1, named['entries-added'] or -1, stranded }
end
return { rows_found, redis.call('HGETALL', counters) }
