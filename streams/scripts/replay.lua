-- Makes a dead job run again, from its first attempt, with its history kept. The rows
-- bring the history back where it has expired beside the dead letter.
-- keys: critical high normal low dead counters job history
-- args: dead_entry id level | attempt
-- include: _levels _fields _history
-- returns: {code, text}: 0 no such dead letter, 1 ready + entry, 2 the job is live + state, 3 its body was lost
local UNKNOWN, READY, LIVE, BODY_LOST = 0, 1, 2, 3
-- What a dead letter carries beside the body; none of it belongs into the new entry.
local OF_LETTER = { priority = 1, entry = 1, cause = 1, died_ms = 1, losses = 1, history = 1 }

local letter = fields_of(dead, dead_entry)
if not letter or field(letter, 'id') ~= id then return { UNKNOWN, '' } end
local state = redis.call('HGET', job, 'state')
if state and state ~= 'dead' and state ~= 'completed' and state ~= 'cancelled' then
  return { LIVE, state }
end
if not field(letter, 'kind') and not field(letter, 'payload') then return { BODY_LOST, '' } end

local fields = {}
for i = 1, #letter, 2 do
  if not OF_LETTER[letter[i]] then
    fields[#fields + 1] = letter[i]
    fields[#fields + 1] = letter[i + 1]
  end
end
set_field(fields, 'attempt', 1)
next_epoch(fields)
local entry = redis.call('XADD', LEVELS[tonumber(level)], '*', unpack(fields))
if redis.call('EXISTS', history) == 0 then
  for i = 1, rows do remember(history, (row_args(i))) end
end
redis.call('HSET', job, 'state', 'ready', 'id', id, 'kind', field(fields, 'kind') or '',
  'priority', LEVEL_NAMES[tonumber(level)], 'entry', entry, 'attempt', 1, 'losses', 0)
redis.call('HDEL', job, 'cause', 'dead_entry', 'ended_ms', 'result', 'token')
redis.call('HINCRBY', job, 'replays', 1)
redis.call('PERSIST', job)
redis.call('PERSIST', history)
redis.call('XDEL', dead, dead_entry)
redis.call('HINCRBY', counters, 'replayed', 1)
return { READY, entry }
