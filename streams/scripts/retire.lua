-- Removes consumers that have left: only where nothing is pending, because deleting a
-- consumer drops its pending rows and with them the jobs.
-- keys: critical high normal low workers
-- args: | consumer
-- include: _levels
-- returns: a code a row: 0 still has entries, 1 removed
local answers = {}
for i = 1, rows do
  local consumer = row_args(i)
  local pending = 0
  for _, stream in ipairs(LEVELS) do
    local found = redis.pcall('XPENDING', stream, GROUP, '-', '+', 1, consumer)
    if not found.err then pending = pending + #found end
  end
  answers[i] = pending == 0 and 1 or 0
  if pending == 0 then
    for _, stream in ipairs(LEVELS) do
      redis.pcall('XGROUP', 'DELCONSUMER', stream, GROUP, consumer)
    end
    redis.call('HDEL', workers, consumer, 'beat:' .. consumer)
  end
end
return answers
