-- Writes the dead letter of a job: its body, why it died, and every attempt, so that
-- the stream alone tells the story. `fields` may be nil: the body itself is lost.
local function bury(dead, job, history, id, level, entry, fields, cause, attempt, ttl_ms, token)
  local letter = fields or {}
  set_field(letter, 'id', id)
  set_field(letter, 'priority', LEVEL_NAMES[level])
  set_field(letter, 'entry', entry)
  set_field(letter, 'cause', cause)
  set_field(letter, 'died_ms', now_ms())
  set_field(letter, 'losses', redis.call('HGET', job, 'losses') or 0)
  set_field(letter, 'history', history_json(history, attempt))
  local dead_entry = redis.call('XADD', dead, '*', unpack(letter))
  remember(history, attempt)
  redis.call('HSET', job,
    'state', 'dead', 'id', id, 'kind', field(letter, 'kind') or redis.call('HGET', job, 'kind') or '',
    'priority', LEVEL_NAMES[level],
    'cause', cause, 'dead_entry', dead_entry, 'ended_ms', field(letter, 'died_ms'),
    'entry', '', 'token', token)
  redis.call('PEXPIRE', job, ttl_ms)
  redis.call('PEXPIRE', history, ttl_ms)
  return dead_entry
end
