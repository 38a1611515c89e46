-- Whose turn it is, in a queue whose tenants share the workers. `backlog` holds the ids of jobs
-- that wait for the turn of their tenant, by level and round; a round has one job a tenant.
-- `turns` holds what gives the next round: "<level>" the round of the job that was admitted
-- last, "<level>:<tenant>" the last round that the tenant was given, and "n:<level>:<tenant>"
-- how many of its jobs wait here. With its last job there a tenant is forgotten. The field
-- `fair` of the gate says how many jobs may wait in a stream, where there is no turn any more.
-- Rounds of a level: its places are whole numbers, which a score holds up to 2^53.
local ROUNDS = 1e15

local function backlog_place(level, round)
  return string.format('%.0f', level * ROUNDS + round)
end

-- The lowest place of a level, and behind its highest one.
local function backlog_range(level)
  return backlog_place(level, 0), '(' .. backlog_place(level + 1, 0)
end

-- How many jobs more a stream may be given.
local function window_room(level, window)
  local pending = redis.pcall('XPENDING', LEVELS[level], GROUP)
  return tonumber(window) - redis.call('XLEN', LEVELS[level]) + (pending.err and 0 or pending[1])
end

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

local function level_at(place) return math.floor(tonumber(place) / ROUNDS) end

local function leave_backlog(id, place, tenant)
  give_up_turn(level_at(place), tenant or '')
  redis.call('ZREM', backlog, id)
  if redis.call('EXISTS', backlog) == 0 then forget_turns() end
end
