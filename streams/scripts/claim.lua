-- Takes over entries whose lease has lapsed, each by XAUTOCLAIM from its own id, so that
-- exactly the entries are claimed whose records are declared. Every loss goes into the
-- job's history with the consumer that lost it. An entry without a body becomes a dead
-- letter, as does a job that was lost too often.
-- keys: critical high normal low dead cancel counters | job history unique_key
-- args: consumer lease_ms losses_max dead_ttl_ms | level entry owner deliveries id unique
-- include: _levels _now _pending _fields _history _leave _bury _pass_oom
-- flags: allow-oom
-- returns: a row an entry {code, deliveries, fields}: 0 not lapsed any more, 1 claimed, 2 dead
local GONE, CLAIMED, DEAD = 0, 1, 2
local now = now_ms()
local lapsed = {}
for i = 1, rows do
  local level, entry, owner, deliveries = row_args(i)
  local row = pending_row(LEVELS[tonumber(level)], entry)
  if row and row[2] == owner and row[4] == tonumber(deliveries) and row[3] >= tonumber(lease_ms) then
    lapsed[i] = row
  end
end

pass_oom(critical)
local answers = {}
for i = 1, rows do
  local row = lapsed[i]
  if not row then
    answers[i] = { GONE, 0, {} }
  else
    local job, history, unique_key = row_keys(i)
    local level, entry, owner, _, id, unique = row_args(i)
    level = tonumber(level)
    local stream = LEVELS[level]
    local fields = fields_of(stream, entry)
    local losses = tonumber(redis.call('HGET', job, 'losses') or '0')
    local loss = ''
    -- An entry of our own that we do not run was read by a call whose answer was lost:
    -- nobody crashed. One that was handed back was not lost either.
    if owner ~= NOBODY and owner ~= consumer then
      losses = losses + 1
      loss = cjson.encode({ outcome = 'lost', consumer = owner, ended_ms = now, silent_ms = row[3] })
      redis.call('HSET', job, 'losses', losses)
      redis.call('HINCRBY', counters, 'lost', 1)
    end
    local cause = not fields and 'body lost' or losses > tonumber(losses_max) and 'lost too often'
    if cause then
      bury(dead, job, history, id, level, entry, fields, cause, loss, dead_ttl_ms, '')
      leave(stream, entry)
      open_slot(unique_key, unique, id)
      redis.call('SREM', cancel, id)
      redis.call('HINCRBY', counters, 'dead', 1)
      answers[i] = { DEAD, 0, {} }
    else
      remember(history, loss)
      redis.call('HSET', job, 'id', id, 'kind', field(fields, 'kind') or '',
        'priority', LEVEL_NAMES[level], 'state', 'ready', 'entry', entry)
      redis.call('XAUTOCLAIM', stream, GROUP, consumer, lease_ms, entry, 'COUNT', 1)
      answers[i] = { CLAIMED, row[4] + 1, fields }
    end
  end
end
return answers
