-- Pauses a schedule, or lets it go on. What it would have asked for in its pause is not owed:
-- it goes on from now.
-- keys: schedule counters
-- args: paused
-- include: _now
-- returns: 0 no such schedule, 1 done, 2 it was so before
local UNKNOWN, DONE, AS_BEFORE = 0, 1, 2
local before = redis.call('HMGET', schedule, 'version', 'paused', 'last_ms')
if not before[1] then return UNKNOWN end
if before[2] == paused then return AS_BEFORE end
redis.call('HSET', schedule, 'paused', paused, 'last_ms', math.max(tonumber(before[3]), now_ms()),
  'version', redis.call('HINCRBY', counters, 'schedule_changes', 1))
return DONE
