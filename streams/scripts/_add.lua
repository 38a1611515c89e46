-- Puts a new job into its stream, and takes its unique slot, if it asks for one.
local NO_OPTIONS = { fields = {} }

-- What a job asks for: empty for most, else a JSON object with delay_ms, due_ms,
-- expires_in_ms, unique, unique_ttl_ms, attempts, tenant, and `fields`, the names and values
-- that its entry has besides the three.
local function wish_of(options, now)
  if options == '' then return NO_OPTIONS end
  local wish = cjson.decode(options)
  if wish.expires_in_ms then
    wish.fields[#wish.fields + 1] = 'expires_ms'
    wish.fields[#wish.fields + 1] = string.format('%.0f', math.min(now + wish.expires_in_ms, 2 ^ 53))
  end
  return wish
end

-- Events tell whose job it is; the entry says so in its `meta`.
local function note_tenant(job, wish)
  if wish.tenant then redis.call('HSET', job, 'tenant', wish.tenant) end
end

local function tell_of_new(job, id, due)
  if due then tell(job, id, 'enqueued', 'delayed', 'due_ms', string.format('%.0f', due))
  else tell(job, id, 'enqueued', 'ready') end
end

-- What an entry need not say is left out: it is read, copied and kept all the time.
local function add(job, id, level, kind, payload, wish, now)
  local entry = redis.call('XADD', LEVELS[level], '*',
    'id', id, 'kind', kind, 'payload', payload, unpack(wish.fields))
  redis.call('HSET', job, 'state', 'ready', 'id', id, 'kind', kind, 'priority', LEVEL_NAMES[level],
    'enqueued_ms', now, 'entry', entry, 'attempts', wish.attempts or attempts_default)
  note_tenant(job, wish)
  return entry
end

local function take_slot(job, unique_key, id, wish)
  if not wish.unique then return end
  redis.call('HSET', job, 'unique', wish.unique)
  redis.call('SET', unique_key, id)
  if wish.unique_ttl_ms then redis.call('PEXPIRE', unique_key, wish.unique_ttl_ms) end
end
