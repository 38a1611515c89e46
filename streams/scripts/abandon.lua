-- Gives up entries that a consumer still has, without waiting for its lease: because it
-- never learned of them (the answer to its read was lost: nothing is said and nothing is
-- charged), or because somebody saw its process end. `cause` says how, and it is charged as
-- a claim charges a loss; `released` says how one ended that was told to: that stands in the
-- history and costs nothing. They are handed back, or are dead letters where that was one
-- loss too many or the body is gone.
-- keys: critical high normal low dead cancel events watchers counters wake | job history unique_key
-- args: consumer cause released lease_ms dead_ttl_ms | level entry deliveries id unique
-- include: _levels _now _events _pending _fields _history _leave _bury _lose _outlive _wake _pass_oom
-- flags: allow-oom
-- returns: a code a row: 0 not that consumer's any more, 1 handed back, 2 dead
local GONE, BACK, DEAD = 0, 1, 2
local now = now_ms()
local mine = {}
for i = 1, rows do
  local level, entry, deliveries = row_args(i)
  mine[i] = owned(LEVELS[tonumber(level)], entry, consumer, deliveries)
end

local losses, handed_back = 0, 0

local function row_of(count)
  if released ~= '' and not count.twin then
    return cjson.encode({ outcome = 'released', consumer = consumer, ended_ms = now, reason = released })
  end
  if cause == '' then return '' end
  losses = losses + 1
  return lose(count, is_suspect(count), cause, {
    outcome = 'lost', consumer = consumer, ended_ms = now, reason = cause,
  })
end

local function give_up(i)
  local job, history, unique_key = row_keys(i)
  local level, entry, _, id, unique = row_args(i)
  level = tonumber(level)
  local stream, count = LEVELS[level], losses_of(job, entry)
  local lives = outlive({
    job = job, history = history, unique_key = unique_key, id = id, unique = unique,
    level = level, stream = stream, entry = entry, count = count, attempt = row_of(count),
  })
  if not lives then return DEAD end
  if released ~= '' and not count.twin then redis.call('HINCRBY', job, 'released', 1) end
  redis.call('XCLAIM', stream, GROUP, nobody_for(count), 0, entry, 'IDLE', lease_ms, 'JUSTID')
  if not count.twin then tell(job, id, cause ~= '' and 'lost' or 'released', 'ready') end
  handed_back = handed_back + 1
  return BACK
end

pass_oom(critical)
local answers = {}
for i = 1, rows do
  answers[i] = mine[i] and give_up(i) or GONE
end
if losses > 0 then redis.call('HINCRBY', counters, 'lost', losses) end
if handed_back > 0 then
  redis.call('HINCRBY', counters, 'abandoned', handed_back)
  wake_all(0)
end
return answers
