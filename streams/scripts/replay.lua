-- Makes a dead job run again, from its first attempt, with its history kept and a row
-- that says who did so. The rows bring the history back where it has expired beside the
-- dead letter. `edited` names what the operator has changed: the payload (then `payload`
-- is the new one), the attempts (not empty), the priority (`level` is always the new one).
-- keys: critical high normal low dead events watchers counters job history unique_key
-- args: dead_entry id level unique edited payload attempts by host cause | attempt
-- include: _levels _now _events _fields _history
-- returns: {code, text}: 0 no such dead letter, 1 ready + entry, 2 the job is live + state, 3 its body was lost, 4 its unique slot is taken + holder
local UNKNOWN, READY, LIVE, BODY_LOST, TAKEN = 0, 1, 2, 3, 4
-- What a dead letter carries beside the body; none of it belongs into the new entry.
-- Nor do the counts of the run that died, nor when it was to be begun.
local OF_LETTER = {
  priority = true, entry = true, cause = true, died_ms = true, losses = true, history = true, snoozes = true,
  expires_ms = true,
}

local letter = fields_of(dead, dead_entry)
if not letter or field(letter, 'id') ~= id then return { UNKNOWN, '' } end
local state = redis.call('HGET', job, 'state')
if state and state ~= 'dead' and state ~= 'completed' and state ~= 'cancelled' then
  return { LIVE, state }
end
if not field(letter, 'kind') and not field(letter, 'payload') then return { BODY_LOST, '' } end
local holder = unique ~= '' and redis.call('GET', unique_key)
if holder and holder ~= id then return { TAKEN, holder } end

local fields = {}
for i = 1, #letter, 2 do
  if not OF_LETTER[letter[i]] then
    fields[#fields + 1] = letter[i]
    fields[#fields + 1] = letter[i + 1]
  end
end
local changed = {}
for name in string.gmatch(edited, '%S+') do
  changed[#changed + 1] = name
  if name == 'payload' then set_field(fields, 'payload', payload) end
end
if attempts ~= '' then set_field(fields, 'attempts', attempts) end
set_field(fields, 'attempt', 1)
next_epoch(fields)
local now = now_ms()
local row = { outcome = 'replayed', by = by, host = host, ended_ms = now, dead_entry = dead_entry, cause = cause }
if #changed > 0 then row.edited = changed end
local entry = redis.call('XADD', LEVELS[tonumber(level)], '*', unpack(fields))
if redis.call('EXISTS', history) == 0 then
  for i = 1, rows do remember(history, (row_args(i))) end
end
remember(history, cjson.encode(row))
redis.call('HSET', job, 'state', 'ready', 'id', id, 'kind', field(fields, 'kind') or '',
  'priority', LEVEL_NAMES[tonumber(level)], 'entry', entry, 'attempt', 1, 'losses', 0, 'solo', 0, 'unique', unique,
  'replayed_by', by, 'replayed_ms', now, 'replayed_from', dead_entry)
if attempts ~= '' then redis.call('HSET', job, 'attempts', attempts) end
redis.call('HDEL', job, 'cause', 'dead_entry', 'ended_ms', 'result', 'token', 'progress', 'progress_ms')
redis.call('HINCRBY', job, 'replays', 1)
redis.call('PERSIST', job)
redis.call('PERSIST', history)
if unique ~= '' then redis.call('SET', unique_key, id) end
redis.call('XDEL', dead, dead_entry)
redis.call('HINCRBY', counters, 'replayed', 1)
tell(job, id, 'replayed', 'ready')
return { READY, entry }
