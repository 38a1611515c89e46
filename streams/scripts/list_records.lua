-- What a list says of delayed jobs, from their records; of one level, where one is wanted.
-- Reads only.
-- keys: | job body
-- args: wanted
-- flags: no-writes
-- returns: rows {kind, priority, attempt, enqueued_ms, unique, bytes of the body}, each '' where it is not there; none for a job of another level
local found = {}
for i = 1, rows do
  local job, body = row_keys(i)
  if wanted == '' or (redis.call('HGET', job, 'priority') or 'normal') == wanted then
    local row = redis.call('HMGET', job, 'kind', 'priority', 'attempt', 'enqueued_ms', 'unique')
    for at = 1, 5 do row[at] = row[at] or '' end
    row[6] = redis.call('STRLEN', body)
    found[i] = row
  else
    found[i] = {}
  end
end
return found
