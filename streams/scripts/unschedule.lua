-- Removes a schedule. The jobs that it has asked for stay. Its name is taken from the list
-- last: a call that was broken off is carried on by the same call.
-- keys: schedules schedule
-- args: name
-- returns: 0 no such schedule, 1 removed
local UNKNOWN, REMOVED = 0, 1
if redis.call('SISMEMBER', schedules, name) == 0 then return UNKNOWN end
local fields = redis.call('HKEYS', schedule)
for _, field in ipairs(fields) do redis.call('HDEL', schedule, field) end
redis.call('SREM', schedules, name)
return REMOVED
