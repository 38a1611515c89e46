-- Writes the dead letter of a job: its body, why it died, and every attempt, so that
-- the stream alone tells the story. `fields` may be nil: the body itself is lost. A row
-- names job, history, unique_key, id, unique, level, entry, count (of losses), attempt and
-- token; no token means that no outcome killed the job, and the record keeps the one of the
-- last. Of a twin there is the letter alone.
local function bury(row, fields, cause)
  local letter = fields or {}
  if fields then keep_arrival(fields, row.entry) end
  set_field(letter, 'id', row.id)
  set_field(letter, 'priority', LEVEL_NAMES[row.level])
  set_field(letter, 'entry', row.entry)
  set_field(letter, 'cause', cause)
  set_field(letter, 'died_ms', now_ms())
  set_field(letter, 'losses', row.count.losses)
  set_field(letter, 'history', row.count.twin and '[' .. row.attempt .. ']'
    or history_json(row.history, row.attempt))
  local dead_entry = redis.call('XADD', dead, '*', unpack(letter))
  if row.count.twin then return end
  remember(row.history, row.attempt)
  redis.call('HSET', row.job,
    'state', 'dead', 'id', row.id,
    'kind', field(letter, 'kind') or redis.call('HGET', row.job, 'kind') or '',
    'priority', LEVEL_NAMES[row.level], 'losses', row.count.losses, 'solo', row.count.solo,
    'cause', cause, 'dead_entry', dead_entry, 'ended_ms', field(letter, 'died_ms'),
    'token', row.token or redis.call('HGET', row.job, 'token') or '')
  redis.call('PEXPIRE', row.job, dead_ttl_ms)
  redis.call('PEXPIRE', row.history, dead_ttl_ms)
  open_slot(row.unique_key, row.unique, row.id)
  -- Last, because a record that is at another entry is not touched by a repetition.
  redis.call('HSET', row.job, 'entry', '')
  tell(row.job, row.id, 'dead', 'dead', 'cause', cause)
end
