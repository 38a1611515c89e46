-- Tells the workers of a job that is due sooner than they look for such jobs by themselves,
-- where it is the next one. One entry is enough: the last one tells of what is due first.
local LOOKS_MS = 1500

local function wake_for(due, now)
  if not due or due - now > LOOKS_MS then return end
  local next_one = redis.call('ZRANGEBYSCORE', delayed, '-inf', '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  if tonumber(next_one[2]) == due then
    redis.call('XADD', wake, 'MAXLEN', 1, '*', 'due_in_ms', due - now)
  end
end
