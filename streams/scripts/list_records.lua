-- What a list says of delayed jobs, from their records. Reads only.
-- keys: | job body
-- args:
-- flags: no-writes
-- returns: rows {kind, priority, attempt, enqueued_ms, unique, bytes of the body}, each '' where it is not there
local found = {}
for i = 1, rows do
  local job, body = row_keys(i)
  local row = redis.call('HMGET', job, 'kind', 'priority', 'attempt', 'enqueued_ms', 'unique')
  for at = 1, 5 do row[at] = row[at] or '' end
  row[6] = redis.call('STRLEN', body)
  found[i] = row
end
return found
