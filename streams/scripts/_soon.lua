-- Tells the workers of a job that is due sooner than they look for such jobs by themselves,
-- where it is the next one.
local LOOKS_MS = 3000

local function wake_for(due, now)
  if not due or due - now > LOOKS_MS then return end
  local next_one = redis.call('ZRANGEBYSCORE', delayed, '-inf', '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  if tonumber(next_one[2]) == due then wake_all(due - now) end
end
