-- What is due, and when the next job will be. Reads only; `promote` moves the jobs.
-- keys: delayed
-- args: count
-- include: _now
-- returns: {ids that are due, ms until the next one or -1}
local now = now_ms()
local ids = redis.call('ZRANGEBYSCORE', delayed, '-inf', now, 'LIMIT', 0, count)
local next_one = redis.call('ZRANGEBYSCORE', delayed, '(' .. now, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
return { ids, next_one[2] and tonumber(next_one[2]) - now or -1 }
