-- What is known of schedules, and the moment at which it was so. Reads only.
-- keys: | schedule
-- args:
-- include: _now
-- flags: no-writes
-- returns: {now ms, a row a schedule: {definition, version, last ms, paused, job, fired, skipped}}
local found = {}
for i = 1, rows do
  found[i] = redis.call('HMGET', row_keys(i), 'definition', 'version', 'last_ms', 'paused', 'job', 'fired', 'skipped')
end
return { now_ms(), found }
