-- Accepts jobs: each goes into its stream, or waits when its time is still to come. In a fair
-- queue it waits for its tenant's turn where its stream has no room for more, or others wait.
-- A job whose id has a record, or whose unique slot is taken, is not accepted again; the
-- answer names the job that is there, so that a repeated call changes nothing, and its level
-- where that is known.
-- keys: critical high normal low delayed backlog turns wake events watchers counters gate | job body unique_key
-- args: length_max attempts_default | id level kind payload options
-- include: _levels _now _events _add _wake _soon _rounds _turns
-- returns: a row a job {code, text}: 1 ready + entry, 2 delayed + due ms, 3 exists + id + level, 4 unique slot taken + id, 5 full + length, 6 the queue drains + who began it, when and why, 7 waits for its turn + ''
local READY, DELAYED, EXISTS, TAKEN, FULL, CLOSED, QUEUED = 1, 2, 3, 4, 5, 6, 7
local now = now_ms()
local limit = tonumber(length_max)
local length = 0
local stops = redis.call('HMGET', gate, 'draining', 'fair')
local draining, fair = stops[1], stops[2]
if limit > 0 then
  length = redis.call('ZCARD', delayed) + redis.call('ZCARD', backlog)
  for _, stream in ipairs(LEVELS) do length = length + redis.call('XLEN', stream) end
end

local answers, accepted, slots, wishes, new = {}, {}, {}, {}, {}
for i = 1, rows do
  local job, _, unique_key = row_keys(i)
  local id, _, _, _, options = row_args(i)
  local wish = wish_of(options, now)
  local holder = wish.unique and (slots[wish.unique] or redis.call('GET', unique_key))
  if accepted[id] or redis.call('EXISTS', job) == 1 then
    answers[i] = { EXISTS, id, redis.call('HGET', job, 'priority') or '' }
  elseif holder then
    answers[i] = { TAKEN, holder }
  elseif draining then
    answers[i] = { CLOSED, draining }
  elseif limit > 0 and length >= limit then
    answers[i] = { FULL, tostring(length) }
  else
    length = length + 1
    accepted[id] = true
    if wish.unique then slots[wish.unique] = id end
    wishes[i] = wish
    new[#new + 1] = i
  end
end

local STATES = { [READY] = 'ready', [DELAYED] = 'delayed', [QUEUED] = 'queued' }
local soonest

local function keep(body, id, kind, payload, wish)
  redis.call('SET', body, cmsgpack.pack({
    'id', id, 'kind', kind, 'payload', payload, 'enqueued_ms', tostring(now), unpack(wish.fields),
  }))
end

local function note_new(job, state, id, level, kind, wish)
  redis.call('HSET', job, 'state', state, 'id', id, 'kind', kind, 'priority', LEVEL_NAMES[level],
    'enqueued_ms', now, 'attempts', wish.attempts or attempts_default)
  note_tenant(job, wish)
end

local function delay(job, body, id, level, kind, payload, wish, due)
  keep(body, id, kind, payload, wish)
  redis.call('ZADD', delayed, due, id)
  note_new(job, 'delayed', id, level, kind, wish)
  redis.call('HSET', job, 'due_ms', due)
  soonest = math.min(soonest or due, due)
  return { DELAYED, tostring(due) }
end

local function queue(job, body, id, level, kind, payload, wish)
  keep(body, id, kind, payload, wish)
  take_turn(level, wish.tenant or '', id)
  note_new(job, 'queued', id, level, kind, wish)
  return { QUEUED, '' }
end

-- How many jobs each stream of a fair queue still takes: none past those that wait.
local room = {}
local function has_room(level)
  if not fair then return true end
  if not room[level] then
    local is_passed = redis.call('ZCOUNT', backlog, backlog_range(level)) > 0
    room[level] = is_passed and 0 or window_room(level, fair)
  end
  room[level] = room[level] - 1
  return room[level] >= 0
end

for _, i in ipairs(new) do
  local job, body, unique_key = row_keys(i)
  local id, level, kind, payload = row_args(i)
  local wish = wishes[i]
  level = tonumber(level)
  local due = wish.delay_ms and now + wish.delay_ms or wish.due_ms or 0
  if due > now then
    answers[i] = delay(job, body, id, level, kind, payload, wish, due)
  elseif not has_room(level) then
    answers[i] = queue(job, body, id, level, kind, payload, wish)
  else
    answers[i] = { READY, add(job, id, level, kind, payload, wish, now) }
  end
  take_slot(job, unique_key, id, wish)
  tell_of_new(job, id, STATES[answers[i][1]], due > now and due)
end
if #new > 0 then redis.call('HINCRBY', counters, 'enqueued', #new) end
wake_for(soonest, now)
return answers
