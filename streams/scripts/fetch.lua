-- Hands jobs to a consumer: first what others handed back, then from the most urgent
-- level down with a shrinking budget. Every tenth job of a consumer comes from a lower
-- level first (low, normal, high in turn), so that none starves: a level with work gets
-- at least one of thirty slots.
-- It also says when the next delayed job is due, and what its clock shows, so that nobody has
-- to ask for that alone. Of a paused level nothing is handed out, neither new nor handed back.
-- keys: critical high normal low delayed watchers gate
-- args: consumer slots served
-- include: _levels _now _fields _gate
-- flags: allow-oom
-- returns: {ms until the next delayed job is due (0: it is, -1: none waits), rows {level, entry, deliveries, fields}, numbers of the paused levels, the server's clock in Unix ms, 1 where somebody watches jobs}
local GUARANTEE = 10
local TURNS = { 4, 3, 2 }
local budget = tonumber(slots)
local taken = {}

-- All that was handed back, read before anything is taken: a stream that has lost its
-- group raises NOGROUP here, with nothing delivered. An entry whose body is gone is left
-- alone: XCLAIM would drop its pending row, the only trace of it; the claimer reports it.
local handed_back = {}
for level, stream in ipairs(LEVELS) do
  for _, row in ipairs(redis.call('XPENDING', stream, GROUP, '-', '+', budget, NOBODY)) do
    if not is_paused(level) and has_body(stream, row[1]) then
      handed_back[#handed_back + 1] = { level, row[1], row[4] + 1 }
    end
  end
end

local function take_handed_back(item)
  local claimed = redis.call('XCLAIM', LEVELS[item[1]], GROUP, consumer, 0, item[2])
  item[4] = claimed[1][2]
  taken[#taken + 1] = item
  budget = budget - 1
end

local function take_new(level, count)
  if is_paused(level) then return 0 end
  local reply = redis.call('XREADGROUP', 'GROUP', GROUP, consumer, 'COUNT', count,
    'STREAMS', LEVELS[level], '>')
  if not reply then return 0 end
  for _, item in ipairs(reply[1][2]) do
    taken[#taken + 1] = { level, item[1], 1, item[2] }
  end
  budget = budget - #reply[1][2]
  return #reply[1][2]
end

for _, item in ipairs(handed_back) do
  if budget > 0 then take_handed_back(item) end
end

-- The turns that fall into this fetch: multiples of ten among the jobs number
-- served + 1 to served + slots. Jobs that were handed back take slots and no turns.
local first = math.floor(tonumber(served) / GUARANTEE) + 1
local last = math.floor((tonumber(served) + tonumber(slots)) / GUARANTEE)
for turn = first, last do
  if budget < 1 then break end
  for step = 0, #TURNS - 1 do
    if take_new(TURNS[(turn + step) % #TURNS + 1], 1) > 0 then break end
  end
end

for level = 1, #LEVELS do
  if budget > 0 then take_new(level, budget) end
end
local now = now_ms()
local next_one = redis.call('ZRANGEBYSCORE', delayed, '-inf', '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
return { next_one[2] and math.max(0, tonumber(next_one[2]) - now) or -1, taken, held, now, redis.call('EXISTS', watchers) }
