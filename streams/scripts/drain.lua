-- Lets a queue take no new jobs, or take them again. Who began a draining stays on record.
-- keys: gate
-- args: drain by reason
-- include: _now
-- returns: 0 it was so before, 1 done
local AS_BEFORE, DONE = 0, 1
local is_draining = redis.call('HEXISTS', gate, 'draining') == 1
if is_draining == (drain == '1') then return AS_BEFORE end
if drain == '1' then
  redis.call('HSET', gate, 'draining', cjson.encode({ by = by, reason = reason, since_ms = now_ms() }))
else
  redis.call('HDEL', gate, 'draining')
end
return DONE
