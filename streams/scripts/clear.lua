-- Ends jobs that wait in a stream or beside the streams (level 0), as a list has shown them,
-- and with `ask` asks the consumers of those that run. A job that has moved since is left alone.
-- keys: critical high normal low delayed backlog turns cancel events watchers counters | job body history unique_key
-- args: ended_ttl_ms ask | id unique level entry kind
-- include: _levels _now _events _pending _fields _leave _withdraw _pass_oom _rounds _turns
-- flags: allow-oom
-- returns: a code a row: 0 not there any more, 1 cancelled, 2 asked its consumer, 3 runs and is left alone
local GONE, CANCELLED, ASKED, RUNS = 0, 1, 2, 3

local function clear_beside(i)
  local job, body, history, unique_key = row_keys(i)
  local id, unique = row_args(i)
  local is_queued = redis.call('ZSCORE', backlog, id)
  if not is_queued and not redis.call('ZSCORE', delayed, id) then return GONE end
  withdraw(job, history, unique_key, id, unique, 'id', id)
  redis.call('DEL', body)
  redis.call('ZREM', delayed, id)
  if is_queued then leave_backlog(id, is_queued, redis.call('HGET', job, 'tenant')) end
  tell(job, id, 'cancelled', 'cancelled')
  return CANCELLED
end

-- A record that tells of another entry with this id is not touched. Of an entry without a body
-- nobody knows whose it is.
local function clear_entry(i, level)
  local job, _, history, unique_key = row_keys(i)
  local id, unique, _, entry, kind = row_args(i)
  local stream = LEVELS[level]
  if not has_body(stream, entry) then return GONE end
  local row = pending_row(stream, entry)
  if row and not is_nobody(row[2]) then
    if ask ~= '1' then return RUNS end
    redis.call('SADD', cancel, id)
    tell(job, id, 'cancel_asked', 'running')
    return ASKED
  end
  local known = redis.call('HMGET', job, 'state', 'entry', 'priority')
  local is_own = not known[1] or known[2] == entry and known[3] == LEVEL_NAMES[level]
  if is_own then
    withdraw(job, history, unique_key, id, unique, 'id', id, 'kind', kind,
      'priority', LEVEL_NAMES[level], 'entry', entry)
  end
  leave(stream, entry)
  if is_own then
    redis.call('HSET', job, 'entry', '')
    tell(job, id, 'cancelled', 'cancelled')
  end
  return CANCELLED
end

pass_oom(critical)
local answers, cancelled = {}, 0
for i = 1, rows do
  local _, _, level = row_args(i)
  answers[i] = level == '0' and clear_beside(i) or level ~= '0' and clear_entry(i, tonumber(level))
  if answers[i] == CANCELLED then cancelled = cancelled + 1 end
end
if cancelled > 0 then redis.call('HINCRBY', counters, 'cancelled', cancelled) end
return answers
