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

local function level_at(place) return math.floor(tonumber(place) / ROUNDS) end
