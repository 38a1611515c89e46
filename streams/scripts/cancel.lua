-- Ends a job that waits, or asks the consumer that runs it to end it.
-- keys: critical high normal low delayed backlog turns cancel events watchers counters job body history unique_key
-- args: id unique ended_ttl_ms
-- include: _levels _now _events _pending _leave _withdraw _rounds _turns
-- returns: 0 no record, 1 cancelled, 2 asked its consumer, 3 had ended before
local UNKNOWN, CANCELLED, ASKED, ENDED = 0, 1, 2, 3
local record = redis.call('HMGET', job, 'state', 'priority', 'entry', 'tenant')
local state, priority, entry, tenant = record[1], record[2], record[3], record[4]
if not state then return UNKNOWN end
local is_delayed = redis.call('ZSCORE', delayed, id)
local is_queued = redis.call('ZSCORE', backlog, id)
-- A call that was broken off before it had removed everything is carried on.
local half_done = state == 'cancelled' and (is_delayed or is_queued or entry and entry ~= '')
if state == 'completed' or state == 'dead' or state == 'cancelled' and not half_done then
  return ENDED
end

local stream
for level, name in ipairs(LEVEL_NAMES) do
  if name == priority then stream = LEVELS[level] end
end
if state == 'ready' and stream and entry and entry ~= '' then
  local row = pending_row(stream, entry)
  if row and not is_nobody(row[2]) then
    redis.call('SADD', cancel, id)
    tell(job, id, 'cancel_asked', 'running')
    return ASKED
  end
end

withdraw(job, history, unique_key, id, unique)
if is_delayed or is_queued then redis.call('DEL', body) end
if is_delayed then redis.call('ZREM', delayed, id) end
if is_queued then leave_backlog(id, is_queued, tenant) end
if stream and entry and entry ~= '' then
  leave(stream, entry)
  redis.call('HSET', job, 'entry', '')
end
redis.call('HINCRBY', counters, 'cancelled', 1)
tell(job, id, 'cancelled', 'cancelled')
return CANCELLED
