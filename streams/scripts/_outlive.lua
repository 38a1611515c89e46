-- Records what became of a job that somebody else takes from its consumer: dead, because
-- its body is gone or this loss was one too many, or alive with the loss in its history.
-- Answers the fields of its entry where it lives.
local function outlive(row)
  local fields = fields_of(row.stream, row.entry)
  local twin_lost = row.count.twin and row.attempt ~= '' and 'duplicate id: its consumer was lost'
  local cause = not fields and 'body lost' or twin_lost or row.count.cause
  if not cause and row.count.twin then return fields end
  if not cause then
    remember(row.history, row.attempt)
    redis.call('HSET', row.job, 'id', row.id, 'kind', field(fields, 'kind') or '',
      'priority', LEVEL_NAMES[row.level], 'state', 'ready', 'entry', row.entry,
      'losses', row.count.losses, 'solo', row.count.solo)
    redis.call('HDEL', row.job, 'progress', 'progress_ms')
    return fields
  end
  -- Before the end is on record: a repetition would take a record that is at no entry any
  -- more for that of a twin, and leave the wish where it is.
  if not row.count.twin then redis.call('SREM', cancel, row.id) end
  bury(row, fields, cause)
  leave(row.stream, row.entry)
  redis.call('HINCRBY', counters, 'dead', 1)
  return nil
end
