-- A job that waited beside the streams comes into that of its level. One that has expired
-- before its first attempt is cancelled instead; one whose body is gone is dead.
local ARRIVED, DEAD, EXPIRED = 1, 2, 3
local now = now_ms()
local arrived, died, expired = 0, 0, 0

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

-- The place that it leaves is taken from it afterwards.
local function arrive(event, id, unique, job, body, history, unique_key)
  local known = redis.call('HMGET', job, 'priority', 'state', 'entry')
  local level = level_named(known[1])
  local packed = redis.call('GET', body)
  local fields = packed and cmsgpack.unpack(packed)
  -- A call that was broken off has moved it, or ended it.
  if not fields and known[2] == 'ready' and known[3] then return ARRIVED end
  if not fields and known[2] == 'cancelled' then return EXPIRED end
  if not fields then
    bury({
      job = job, history = history, unique_key = unique_key, id = id, unique = unique,
      level = level, entry = '', attempt = '', count = losses_of(job),
    }, nil, 'body lost')
    died = died + 1
    return DEAD
  end
  if is_expired(fields) then
    expire(job, body, history, unique_key, id, unique)
    expired = expired + 1
    return EXPIRED
  end
  local entry = redis.call('XADD', LEVELS[level], '*', unpack(fields))
  redis.call('HSET', job, 'state', 'ready', 'id', id, 'kind', field(fields, 'kind') or '',
    'priority', LEVEL_NAMES[level], 'entry', entry)
  redis.call('DEL', body)
  tell(job, id, event, 'ready')
  arrived = arrived + 1
  return ARRIVED
end

local function count_arrivals(name)
  if arrived > 0 then redis.call('HINCRBY', counters, name, arrived) end
  if died > 0 then redis.call('HINCRBY', counters, 'dead', died) end
  if expired > 0 then
    redis.call('HINCRBY', counters, 'expired', expired)
    redis.call('HINCRBY', counters, 'cancelled', expired)
  end
end
