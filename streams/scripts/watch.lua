-- Has the events of jobs written for a while; an empty id stands for all jobs. Where to read
-- them is made ready first, so that it never outlives those who watch.
-- keys: events watchers
-- args: ttl_ms events_ttl_ms | id
-- include: _now _last_event
-- returns: {id of the last event, how many of the ids were not watched before}
local EXPIRED_MAX = 500
local now = now_ms()
if redis.call('EXISTS', events) == 0 then
  redis.call('XDEL', events, redis.call('XADD', events, '*', 'event', 'none'))
end
redis.call('PEXPIRE', events, events_ttl_ms)

local until_ms = now + tonumber(ttl_ms)
local added = 0
for i = 1, rows do
  added = added + redis.call('ZADD', watchers, until_ms, (row_args(i)))
end
local expired = redis.call('ZRANGEBYSCORE', watchers, '-inf', now, 'LIMIT', 0, EXPIRED_MAX)
if #expired > 0 then redis.call('ZREM', watchers, unpack(expired)) end
redis.call('PEXPIRE', watchers, ttl_ms)
return { last_event(), added }
