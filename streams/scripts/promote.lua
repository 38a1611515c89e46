-- Moves jobs whose time has come into their streams. One that has expired before its first
-- attempt is cancelled instead.
-- keys: critical high normal low delayed dead events watchers counters | job body history unique_key
-- args: ended_ttl_ms dead_ttl_ms | id unique
-- include: _levels _now _events _fields _history _leave _bury _lose _pass_oom
-- flags: allow-oom
-- returns: a code a row: 0 not due any more, 1 promoted, 2 dead (its body was gone), 3 expired
local GONE, PROMOTED, DEAD, EXPIRED = 0, 1, 2, 3
local now = now_ms()
local due = {}
for i = 1, rows do
  local id = row_args(i)
  local score = redis.call('ZSCORE', delayed, id)
  due[i] = score and tonumber(score) <= now and not due[id]
  due[id] = true
end

local function level_of(name)
  for level, each in ipairs(LEVEL_NAMES) do
    if each == name then return level end
  end
  return 3
end

local function is_expired(fields)
  local expires_ms = tonumber(field(fields, 'expires_ms'))
  return expires_ms and expires_ms > 0 and expires_ms <= now
    and (field(fields, 'attempt') or '1') == '1' and (field(fields, 'snoozes') or '0') == '0'
end

local function expire(job, body, history, unique_key, id, unique)
  redis.call('HSET', job, 'state', 'cancelled', 'cause', 'expired', 'ended_ms', now)
  redis.call('PEXPIRE', job, ended_ttl_ms)
  redis.call('PEXPIRE', history, ended_ttl_ms)
  open_slot(unique_key, unique, id)
  redis.call('DEL', body)
  tell(job, id, 'cancelled', 'cancelled', 'cause', 'expired')
end

pass_oom(critical)
local answers, moved, expired = {}, 0, 0
for i = 1, rows do
  local id, unique = row_args(i)
  if not due[i] then
    answers[i] = GONE
  else
    local job, body, history, unique_key = row_keys(i)
    local known = redis.call('HMGET', job, 'priority', 'state', 'entry')
    local level = level_of(known[1])
    local packed = redis.call('GET', body)
    local fields = packed and cmsgpack.unpack(packed)
    if not fields and known[2] == 'ready' and known[3] then
      -- A call that was broken off has moved it.
      answers[i] = PROMOTED
    elseif not fields and known[2] == 'cancelled' then
      -- So has one that has expired.
      answers[i] = EXPIRED
    elseif fields and is_expired(fields) then
      expire(job, body, history, unique_key, id, unique)
      answers[i] = EXPIRED
      expired = expired + 1
    elseif fields then
      local entry = redis.call('XADD', LEVELS[level], '*', unpack(fields))
      redis.call('HSET', job, 'state', 'ready', 'id', id, 'kind', field(fields, 'kind') or '',
        'priority', LEVEL_NAMES[level], 'entry', entry)
      redis.call('DEL', body)
      tell(job, id, 'promoted', 'ready')
      answers[i] = PROMOTED
      moved = moved + 1
    else
      bury({
        job = job, history = history, unique_key = unique_key, id = id, unique = unique,
        level = level, entry = '', attempt = '', count = losses_of(job),
      }, nil, 'body lost')
      redis.call('HINCRBY', counters, 'dead', 1)
      answers[i] = DEAD
    end
    redis.call('ZREM', delayed, id)
  end
end
if moved > 0 then redis.call('HINCRBY', counters, 'promoted', moved) end
if expired > 0 then
  redis.call('HINCRBY', counters, 'expired', expired)
  redis.call('HINCRBY', counters, 'cancelled', expired)
end
return answers
