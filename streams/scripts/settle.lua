-- Ends deliveries. Each outcome is recorded together with the acknowledgement, or not at
-- all, and only while the delivery is still this consumer's. New place first, old place
-- last: should the server stop between two writes, a job is twice rather than never.
-- keys: critical high normal low delayed dead cancel events watchers counters stats wake | job history body unique_key
-- args: consumer lease_ms ended_ttl_ms dead_ttl_ms | level entry deliveries id kind unique outcome detail attempt delay_ms ran_ms
-- include: _levels _now _events _pending _fields _history _leave _bury _lose _runs _wake _pass_oom
-- flags: allow-oom
-- returns: a code a row: 0 not yours any more, 1 recorded, 2 recorded by you before, 3 a twin
local LOST, RECORDED, REPEATED, TWIN = 0, 1, 2, 3
local now = now_ms()

local function token_of(entry, deliveries)
  return entry .. '|' .. consumer .. '|' .. deliveries
end

-- What this consumer has in a stream, from its oldest on: one look for all rows, and what
-- lies beyond it is looked for alone.
local held = {}
local function look_at(level)
  local found = redis.pcall('XPENDING', LEVELS[level], GROUP, '-', '+', 2 * rows, consumer)
  held[level] = {}
  for _, row in ipairs(found) do held[level][row[1]] = row[4] end
end

local function is_mine(level, entry, deliveries)
  if not held[level] then look_at(level) end
  local count = held[level][entry]
  if count then return count == tonumber(deliveries) end
  return owned(LEVELS[level], entry, consumer, deliveries)
end

local answers, seen = {}, {}
for i = 1, rows do
  local job = row_keys(i)
  local level, entry, deliveries = row_args(i)
  local token = token_of(entry, deliveries)
  local delivery = level .. token
  if seen[delivery] then
    answers[i] = seen[delivery]
  elseif not is_mine(tonumber(level), entry, deliveries) then
    answers[i] = redis.call('HGET', job, 'token') == token and REPEATED or LOST
  end
  seen[delivery] = answers[i] or REPEATED
end

local counts = {}
local function count(name) counts[name] = (counts[name] or 0) + 1 end

-- The wish to end a job is forgotten after the job has lost its place: had it gone first, a
-- call that is broken off and repeated would not know of it, and the job would come back.
local function leave_for_good(row)
  if row.wanted then
    redis.call('XDEL', row.stream, row.entry)
    redis.call('SREM', cancel, row.id)
  end
  leave(row.stream, row.entry)
end

-- Most entries have nothing that waits for their end: those of a stream go together.
local leaving = { {}, {}, {}, {} }
local function leave_together()
  for level, entries in ipairs(leaving) do
    if entries[1] then leave(LEVELS[level], unpack(entries)) end
  end
end

-- A job that was sent by a plain XADD and has run well at once has no record so far, and
-- one that has run for the first time no history.
local function complete(row)
  if not row.count.has_record then
    redis.call('HSET', row.job, 'id', row.id, 'kind', row.kind, 'priority', LEVEL_NAMES[row.level])
  end
  redis.call('HSET', row.job, 'state', 'completed', 'result', row.detail,
    'last_attempt', row.attempt, 'ended_ms', now, 'entry', '', 'token', row.token)
  redis.call('PEXPIRE', row.job, ended_ttl_ms)
  if row.count.has_past then redis.call('PEXPIRE', row.history, ended_ttl_ms) end
  open_slot(row.unique_key, row.unique, row.id)
  if row.wanted then leave_for_good(row) else table.insert(leaving[row.level], row.entry) end
  count('completed')
  tell(row.job, row.id, 'completed', 'completed')
  note_run('completed', row.ran_ms)
end

-- Of a job that nobody has asked the end of, the record says why it ended.
local function cancelled(row, cause)
  if cause then redis.call('HSET', row.job, 'cause', cause) end
  redis.call('HSET', row.job, 'state', 'cancelled', 'id', row.id, 'kind', row.kind,
    'priority', LEVEL_NAMES[row.level], 'last_attempt', row.attempt, 'ended_ms', now,
    'entry', '', 'token', row.token)
  redis.call('PEXPIRE', row.job, ended_ttl_ms)
  redis.call('PEXPIRE', row.history, ended_ttl_ms)
  open_slot(row.unique_key, row.unique, row.id)
  leave_for_good(row)
  count('cancelled')
  tell(row.job, row.id, 'cancelled', 'cancelled', cause and 'cause', cause)
end

local function buried(row, fields, cause)
  bury(row, fields, cause)
  leave_for_good(row)
  count('dead')
  note_run('failed', row.ran_ms)
end

-- A retry is charged as an attempt. A parked job is not, because nobody has tried it, nor
-- is one that crashed, because that is charged as a loss. One that its handler put off is
-- counted in its entry, so that the worker can end what is put off without end.
local function postponed(row, how)
  local fields = fields_of(row.stream, row.entry)
  if not fields then return buried(row, nil, 'body lost') end
  keep_arrival(fields, row.entry)
  local attempt = tonumber(field(fields, 'attempt')) or 1
  if how == 'retried' then attempt = attempt + 1 end
  if how ~= 'parked' then remember(row.history, row.attempt) end
  if how == 'snoozed' then set_field(fields, 'snoozes', (tonumber(field(fields, 'snoozes')) or 0) + 1) end
  local reason = (how == 'parked' or how == 'snoozed') and row.detail or ''
  set_field(fields, 'id', row.id)
  set_field(fields, 'attempt', attempt)
  if row.count.losses > 0 then set_field(fields, 'losses', row.count.losses) end
  next_epoch(fields)
  local due = now + row.delay_ms
  redis.call('SET', row.body, cmsgpack.pack(fields))
  redis.call('HSET', row.job, 'state', 'delayed', 'id', row.id, 'kind', row.kind,
    'priority', LEVEL_NAMES[row.level], 'due_ms', due, 'attempt', attempt, 'unique', row.unique,
    'losses', row.count.losses, 'solo', row.count.solo,
    'parked', reason, 'entry', '', 'token', row.token)
  redis.call('HDEL', row.job, 'progress', 'progress_ms')
  redis.call('ZADD', delayed, due, row.id)
  leave(row.stream, row.entry)
  count(how)
  tell(row.job, row.id, how, 'delayed', 'due_ms', string.format('%.0f', due))
  if how == 'retried' or how == 'crashed' then note_run('failed', row.ran_ms) end
end

-- The process that ran this job alone has died of it. What was charged for this delivery
-- before, by a call that was broken off, is not charged again.
local function crashed(row)
  if row.count.mine then
    row.count.losses, row.count.solo = row.count.losses - 1, row.count.solo - 1
  end
  lose(row.count, true, row.detail, {})
  if not row.count.cause then return postponed(row, 'crashed') end
  local fields = fields_of(row.stream, row.entry)
  buried(row, fields, fields and row.count.cause or 'body lost')
end

-- The entry keeps its place. It is idle for a whole lease at once, so that a fetch or a
-- claim (a suspect: only a claim) may take it; its count is left alone, so that no token
-- ever comes again.
local function released(row)
  if not has_body(row.stream, row.entry) then return buried(row, nil, 'body lost') end
  remember(row.history, row.attempt)
  redis.call('HSET', row.job, 'state', 'ready', 'id', row.id, 'kind', row.kind,
    'priority', LEVEL_NAMES[row.level], 'losses', row.count.losses,
    'entry', row.entry, 'unique', row.unique, 'token', row.token)
  redis.call('HINCRBY', row.job, 'released', 1)
  redis.call('HDEL', row.job, 'progress', 'progress_ms')
  local owner = nobody_for(row.count)
  redis.call('XCLAIM', row.stream, GROUP, owner, 0, row.entry, 'IDLE', lease_ms, 'JUSTID')
  count('released')
  tell(row.job, row.id, 'released', 'ready')
end

-- The record tells of another entry with this id, which lives or has ended: that one stands.
-- A run that comes to nothing leaves a letter, so that what was sent is not lost silently.
local function twin_ended(row, outcome)
  if outcome == 'released' and has_body(row.stream, row.entry) then
    redis.call('XCLAIM', row.stream, GROUP, NOBODY, 0, row.entry, 'IDLE', lease_ms, 'JUSTID')
    return
  end
  if outcome ~= 'completed' and outcome ~= 'cancelled' and outcome ~= 'expired' then
    local fields = fields_of(row.stream, row.entry)
    local cause = outcome == 'dead' and row.detail or 'it may not be tried again'
    bury(row, fields, fields and 'duplicate id: ' .. cause or 'body lost')
    count('dead')
  end
  leave(row.stream, row.entry)
  count('duplicates')
end

pass_oom(critical)
local wanted = redis.call('SCARD', cancel) > 0
for i = 1, rows do
  if answers[i] then
    if answers[i] == LOST then count('fenced') end
  else
    local job, history, body, unique_key = row_keys(i)
    local level, entry, deliveries, id, kind, unique, outcome, detail, attempt, delay_ms, ran_ms = row_args(i)
    local row = {
      job = job, history = history, body = body, unique_key = unique_key,
      level = tonumber(level), stream = LEVELS[tonumber(level)], entry = entry, id = id, kind = kind,
      unique = unique, detail = detail, attempt = attempt, delay_ms = tonumber(delay_ms), ran_ms = tonumber(ran_ms),
      token = token_of(entry, deliveries), count = losses_of(job, entry, token_of(entry, deliveries)),
    }
    -- Whoever asked for the end of a job was told that its consumer would see to it: the
    -- job does not come back because its handler failed, or was stopped, just before.
    local comes_back = outcome == 'retry' or outcome == 'parked' or outcome == 'released'
      or outcome == 'crashed' or outcome == 'snoozed'
    row.wanted = wanted and not row.count.twin and redis.call('SISMEMBER', cancel, id) == 1
    if row.wanted and comes_back then outcome = 'cancelled' end
    if row.count.mine and not has_body(row.stream, entry) then
      leave_for_good(row)
    elseif row.count.twin then twin_ended(row, outcome)
    elseif outcome == 'completed' then complete(row)
    elseif outcome == 'cancelled' then cancelled(row)
    elseif outcome == 'expired' then
      cancelled(row, 'expired')
      count('expired')
    elseif outcome == 'retry' then postponed(row, 'retried')
    elseif outcome == 'parked' then postponed(row, 'parked')
    elseif outcome == 'snoozed' then postponed(row, 'snoozed')
    elseif outcome == 'crashed' then crashed(row)
    elseif outcome == 'released' then released(row)
    else
      local fields = fields_of(row.stream, row.entry)
      buried(row, fields, fields and detail or 'body lost')
    end
    answers[i] = row.count.twin and TWIN or RECORDED
  end
end
leave_together()
write_runs(now)
if counts['released'] then wake_all(0) end
for name, number in pairs(counts) do redis.call('HINCRBY', counters, name, number) end
return answers
