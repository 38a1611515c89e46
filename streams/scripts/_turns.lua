-- Gives turns to jobs that wait for them, and takes them back.

-- Whoever comes first into a round cannot be overtaken by those who come later: a new tenant
-- begins in the next round, not in the one that is under way.
local function take_turn(level, tenant, id)
  local name = level .. ':' .. tenant
  local known = redis.call('HMGET', turns, level, name, 'n:' .. name)
  local round = math.max(tonumber(known[1] or '0'), tonumber(known[2] or '0')) + 1
  redis.call('ZADD', backlog, backlog_place(level, round), id)
  redis.call('HSET', turns, name, string.format('%.0f', round), 'n:' .. name, (known[3] or 0) + 1)
end

local function forget_turns()
  for _, name in ipairs(redis.call('HKEYS', turns)) do redis.call('HDEL', turns, name) end
end

local function give_up_turn(level, tenant)
  local name = level .. ':' .. tenant
  if redis.call('HINCRBY', turns, 'n:' .. name, -1) < 1 then
    redis.call('HDEL', turns, name, 'n:' .. name)
  end
end

local function leave_backlog(id, place, tenant)
  give_up_turn(level_at(place), tenant or '')
  redis.call('ZREM', backlog, id)
  if redis.call('EXISTS', backlog) == 0 then forget_turns() end
end
