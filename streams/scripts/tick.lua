-- Enqueues the job of one tick of a schedule and moves the schedule forward to that tick, in
-- one step: each tick is one job, whoever and however many try, and however long ago its
-- record has expired. `version`, `last_ms` and `last_id` are what the scheduler saw when it
-- made its plan: where the schedule was edited, paused, removed or moved since, nothing
-- happens. A job that is asked for beside the ticks comes with the last tick again.
-- While the queue drains its ticks are left out.
-- `overlap` 0: not while the last job of the schedule has not ended; that tick is left out.
-- keys: critical high normal low events watchers counters gate schedule last_job job unique_key
-- args: version last_ms last_id tick_ms overlap attempts_default id level kind payload options
-- include: _levels _now _events _add
-- returns: {code, text}: 0 old plan, 1 ready + entry, 2 exists + id, 3 left out + id of the job that has not ended, 4 left out + id of the job that has its unique slot, 5 left out + who drains the queue, when and why
local OLD_PLAN, READY, EXISTS, OVERLAP, TAKEN, CLOSED = 0, 1, 2, 3, 4, 5
local ENDED = { completed = true, dead = true, cancelled = true }
local seen = redis.call('HMGET', schedule, 'version', 'last_ms', 'job')
if seen[1] ~= version or seen[2] ~= last_ms or (seen[3] or '') ~= last_id then
  return { OLD_PLAN, '' }
end
if tonumber(tick_ms) < tonumber(last_ms) then return { OLD_PLAN, '' } end

-- A call that was broken off has enqueued it and must still move on.
if redis.call('EXISTS', job) == 1 then
  redis.call('HSET', schedule, 'last_ms', tick_ms, 'job', id)
  return { EXISTS, id }
end
local now = now_ms()
local wish = wish_of(options, now)
local state = overlap == '0' and redis.call('HGET', last_job, 'state')
local live = state and not ENDED[state]
local holder = wish.unique and redis.call('GET', unique_key)
local draining = redis.call('HGET', gate, 'draining')
if live or holder or draining then
  redis.call('HSET', schedule, 'last_ms', tick_ms)
  redis.call('HINCRBY', schedule, 'skipped', 1)
  if draining then return { CLOSED, draining } end
  return live and { OVERLAP, last_id } or { TAKEN, holder }
end

local entry = add(job, id, tonumber(level), kind, payload, wish, now)
take_slot(job, unique_key, id, wish)
tell_of_new(job, id)
redis.call('HSET', schedule, 'last_ms', tick_ms, 'job', id)
redis.call('HINCRBY', schedule, 'fired', 1)
redis.call('HINCRBY', counters, 'enqueued', 1)
return { READY, entry }
