-- Where jobs are, and up to which event that is told by it. Reads only.
-- keys: critical high normal low events | job
-- args:
-- include: _levels _now _pending _last_event
-- flags: no-writes
-- returns: {id of the last event, now ms, rows {state, kind, attempt, tenant, cause, due_ms, progress, progress_ms}}; no record: all are nil
local function state_of(known)
  if known[1] ~= 'ready' then return known[1] end
  for level, name in ipairs(LEVEL_NAMES) do
    if name == known[9] then
      local row = pending_row(LEVELS[level], known[10])
      if row and not is_nobody(row[2]) then return 'running' end
    end
  end
  return 'ready'
end

local answers = {}
for i = 1, rows do
  local known = redis.call('HMGET', (row_keys(i)), 'state', 'kind', 'attempt', 'tenant', 'cause',
    'due_ms', 'progress', 'progress_ms', 'priority', 'entry')
  known[1] = state_of(known)
  answers[i] = { unpack(known, 1, 8) }
end
return { last_event(), now_ms(), answers }
