-- Notes how far a running job has come, while the delivery is still this consumer's. A job
-- that has no record yet gets one; a record that tells of another entry with the same id is
-- left alone.
-- keys: critical high normal low events watchers job
-- args: consumer level entry deliveries id kind progress
-- include: _levels _now _events _pending
-- returns: 0 not yours any more, 1 noted
local LOST, NOTED = 0, 1
level = tonumber(level)
if not owned(LEVELS[level], entry, consumer, deliveries) then return LOST end
local known = redis.call('HMGET', job, 'state', 'entry')
if known[1] and known[2] ~= entry then return NOTED end
if not known[1] then
  redis.call('HSET', job, 'state', 'ready', 'id', id, 'kind', kind,
    'priority', LEVEL_NAMES[level], 'entry', entry)
end
redis.call('HSET', job, 'progress', progress, 'progress_ms', now_ms())
tell(job, id, 'progress', 'running', 'progress', progress)
return NOTED
