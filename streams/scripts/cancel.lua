-- Ends a job that waits, or asks the consumer that runs it to end it.
-- keys: critical high normal low delayed cancel counters job body history unique_key
-- args: id unique ended_ttl_ms
-- include: _levels _now _pending _leave
-- returns: 0 no record, 1 cancelled, 2 asked its consumer, 3 had ended before
local UNKNOWN, CANCELLED, ASKED, ENDED = 0, 1, 2, 3
local record = redis.call('HMGET', job, 'state', 'priority', 'entry')
local state, priority, entry = record[1], record[2], record[3]
if not state then return UNKNOWN end
if state == 'completed' or state == 'dead' or state == 'cancelled' then return ENDED end

local stream
for level, name in ipairs(LEVEL_NAMES) do
  if name == priority then stream = LEVELS[level] end
end
if state == 'ready' and stream and entry and entry ~= '' then
  local row = pending_row(stream, entry)
  if row and row[2] ~= NOBODY then
    redis.call('SADD', cancel, id)
    return ASKED
  end
end

redis.call('HSET', job, 'state', 'cancelled', 'ended_ms', now_ms(), 'entry', '')
redis.call('PEXPIRE', job, ended_ttl_ms)
redis.call('PEXPIRE', history, ended_ttl_ms)
if state == 'delayed' then
  redis.call('ZREM', delayed, id)
  redis.call('DEL', body)
elseif stream and entry and entry ~= '' then
  leave(stream, entry)
end
open_slot(unique_key, unique, id)
redis.call('HINCRBY', counters, 'cancelled', 1)
return CANCELLED
