-- Ends deliveries. Each outcome is recorded together with the acknowledgement, or not at
-- all, and only while the delivery is still this consumer's. New place first, old place
-- last: should the server stop between two writes, a job is twice rather than never.
-- keys: critical high normal low delayed dead cancel counters | job history body unique_key
-- args: consumer lease_ms ended_ttl_ms dead_ttl_ms | level entry deliveries id kind unique outcome detail attempt delay_ms
-- include: _levels _now _pending _fields _history _leave _bury _pass_oom
-- flags: allow-oom
-- returns: a code a row: 0 not yours any more, 1 recorded, 2 recorded by you before
local LOST, RECORDED, REPEATED = 0, 1, 2
local now = now_ms()

local function token_of(entry, deliveries)
  return entry .. '|' .. consumer .. '|' .. deliveries
end

local answers, seen = {}, {}
for i = 1, rows do
  local job = row_keys(i)
  local level, entry, deliveries = row_args(i)
  local token = token_of(entry, deliveries)
  local delivery = level .. token
  if seen[delivery] then
    answers[i] = seen[delivery]
  elseif not owned(LEVELS[tonumber(level)], entry, consumer, deliveries) then
    answers[i] = redis.call('HGET', job, 'token') == token and REPEATED or LOST
  end
  seen[delivery] = answers[i] or REPEATED
end

local counts = {}
local function count(name) counts[name] = (counts[name] or 0) + 1 end

local function complete(row)
  redis.call('HSET', row.job, 'state', 'completed', 'id', row.id, 'kind', row.kind,
    'priority', LEVEL_NAMES[row.level], 'result', row.detail, 'last_attempt', row.attempt,
    'ended_ms', now, 'entry', '', 'token', row.token)
  redis.call('PEXPIRE', row.job, ended_ttl_ms)
  redis.call('PEXPIRE', row.history, ended_ttl_ms)
  leave(row.stream, row.entry)
  open_slot(row.unique_key, row.unique, row.id)
  count('completed')
end

local function cancelled(row)
  redis.call('HSET', row.job, 'state', 'cancelled', 'id', row.id, 'kind', row.kind,
    'priority', LEVEL_NAMES[row.level], 'last_attempt', row.attempt, 'ended_ms', now,
    'entry', '', 'token', row.token)
  redis.call('PEXPIRE', row.job, ended_ttl_ms)
  redis.call('PEXPIRE', row.history, ended_ttl_ms)
  leave(row.stream, row.entry)
  open_slot(row.unique_key, row.unique, row.id)
  count('cancelled')
end

local function buried(row, fields, cause)
  bury(dead, row.job, row.history, row.id, row.level, row.entry, fields, cause, row.attempt,
    dead_ttl_ms, row.token)
  leave(row.stream, row.entry)
  open_slot(row.unique_key, row.unique, row.id)
  count('dead')
end

-- A retry is charged as an attempt, a parked job is not: nobody has tried it.
local function postponed(row, charged)
  local fields = fields_of(row.stream, row.entry)
  if not fields then return buried(row, nil, 'body lost') end
  local attempt = tonumber(field(fields, 'attempt')) or 1
  if charged then
    attempt = attempt + 1
    remember(row.history, row.attempt)
  end
  set_field(fields, 'id', row.id)
  set_field(fields, 'attempt', attempt)
  next_epoch(fields)
  local due = now + row.delay_ms
  redis.call('SET', row.body, cmsgpack.pack(fields))
  redis.call('HSET', row.job, 'state', 'delayed', 'id', row.id, 'kind', row.kind,
    'priority', LEVEL_NAMES[row.level], 'due_ms', due, 'attempt', attempt, 'unique', row.unique,
    'parked', charged and '' or row.detail, 'entry', '', 'token', row.token)
  redis.call('ZADD', delayed, due, row.id)
  leave(row.stream, row.entry)
  count(charged and 'retried' or 'parked')
end

-- The entry keeps its place. It is idle for a whole lease at once, so that a fetch or a
-- claim may take it; its count is left alone, so that no token ever comes again.
local function released(row)
  if not has_body(row.stream, row.entry) then return buried(row, nil, 'body lost') end
  remember(row.history, row.attempt)
  redis.call('HSET', row.job, 'state', 'ready', 'id', row.id, 'kind', row.kind,
    'priority', LEVEL_NAMES[row.level], 'entry', row.entry, 'unique', row.unique, 'token', row.token)
  redis.call('HINCRBY', row.job, 'released', 1)
  redis.call('XCLAIM', row.stream, GROUP, NOBODY, 0, row.entry, 'IDLE', lease_ms, 'JUSTID')
  count('released')
end

pass_oom(critical)
local wanted = redis.call('SCARD', cancel) > 0
for i = 1, rows do
  if answers[i] then
    if answers[i] == LOST then count('fenced') end
  else
    local job, history, body, unique_key = row_keys(i)
    local level, entry, deliveries, id, kind, unique, outcome, detail, attempt, delay_ms = row_args(i)
    local row = {
      job = job, history = history, body = body, unique_key = unique_key,
      level = tonumber(level), stream = LEVELS[tonumber(level)], entry = entry, id = id, kind = kind,
      unique = unique, detail = detail, attempt = attempt, delay_ms = tonumber(delay_ms),
      token = token_of(entry, deliveries),
    }
    -- Whoever asked for the end of a job was told that its consumer would see to it: the
    -- job does not come back because its handler failed, or was stopped, just before.
    local comes_back = outcome == 'retry' or outcome == 'parked' or outcome == 'released'
    if wanted and redis.call('SREM', cancel, id) == 1 and comes_back then outcome = 'cancelled' end
    if outcome == 'completed' then complete(row)
    elseif outcome == 'cancelled' then cancelled(row)
    elseif outcome == 'retry' then postponed(row, true)
    elseif outcome == 'parked' then postponed(row, false)
    elseif outcome == 'released' then released(row)
    else
      local fields = fields_of(row.stream, row.entry)
      buried(row, fields, fields and detail or 'body lost')
    end
    answers[i] = RECORDED
  end
end
for name, number in pairs(counts) do redis.call('HINCRBY', counters, name, number) end
return answers
