-- Moves jobs whose tenant's turn has come into their streams, while those have room: each only
-- if it is the first one of its level, whoever else does so at the same time. One that has
-- expired is cancelled instead.
-- keys: critical high normal low backlog turns dead events watchers counters gate | job body history unique_key
-- args: ended_ttl_ms dead_ttl_ms | id unique
-- include: _levels _now _events _fields _history _leave _bury _lose _pass_oom _rounds _turns _arrive
-- flags: allow-oom
-- returns: a code a row: 0 it is not its turn, 1 admitted, 2 dead (its body was gone), 3 expired
local NOT_NOW = 0
local fair = redis.call('HGET', gate, 'fair')
local room = {}
for level = 1, #LEVELS do room[level] = fair and window_room(level, fair) or rows end

-- Its place, if it is the next one and there is room.
local function next_place(id)
  local place = redis.call('ZSCORE', backlog, id)
  local level = place and level_at(place)
  if not level or room[level] < 1 then return nil end
  local first, last = backlog_range(level)
  if redis.call('ZRANGEBYSCORE', backlog, first, last, 'LIMIT', 0, 1)[1] ~= id then return nil end
  return place
end

pass_oom(critical)
local answers = {}
for i = 1, rows do
  local id, unique = row_args(i)
  local place = next_place(id)
  answers[i] = NOT_NOW
  if place then
    local level = level_at(place)
    local job, body, history, unique_key = row_keys(i)
    answers[i] = arrive('admitted', id, unique, job, body, history, unique_key)
    if answers[i] == ARRIVED then room[level] = room[level] - 1 end
    redis.call('HSET', turns, level, string.format('%.0f', place - level * ROUNDS))
    leave_backlog(id, place, redis.call('HGET', job, 'tenant'))
  end
end
count_arrivals('admitted')
return answers
