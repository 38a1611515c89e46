-- Keeps a schedule: makes it, or puts another one in its place. Each change has a number that
-- is never used again, so that no scheduler acts on what was there before. A new schedule, and
-- one that comes at other times than before, begins now: what it would have asked for earlier
-- is not owed. `times` says when it comes; `paused` is 1 or 0.
-- keys: schedules schedule counters
-- args: name definition times paused replace schedules_max
-- include: _now
-- returns: {code, number}: 0 exists + how many there are, 1 kept + version, 2 full + how many there are
local EXISTS, KEPT, FULL = 0, 1, 2
local now = now_ms()
local before = redis.call('HMGET', schedule, 'version', 'times', 'last_ms', 'paused')
local count = redis.call('SCARD', schedules)
if not before[1] and count >= tonumber(schedules_max) then return { FULL, count } end
if before[1] and replace ~= '1' then return { EXISTS, count } end

local last = tonumber(before[3]) or now
local goes_on = before[2] == times and before[4] == paused
if not goes_on then last = math.max(last, now) end
local version = redis.call('HINCRBY', counters, 'schedule_changes', 1)
redis.call('HSET', schedule, 'definition', definition, 'times', times, 'paused', paused,
  'version', version, 'last_ms', last)
redis.call('SADD', schedules, name)
return { KEPT, version }
