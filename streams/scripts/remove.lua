-- Removes a job with all that is known of it, except while a consumer has it. The record goes
-- last: a call that was broken off is carried on by the same call.
-- keys: critical high normal low delayed backlog turns dead cancel events watchers counters job body history unique_key
-- args: id unique
-- include: _levels _events _pending _leave _rounds _turns
-- returns: 0 no record, 1 removed, 2 a consumer has it
local UNKNOWN, REMOVED, RUNS = 0, 1, 2
local known = redis.call('HMGET', job, 'state', 'priority', 'entry', 'dead_entry', 'tenant')
if not known[1] then return UNKNOWN end

local stream, entry
for level, name in ipairs(LEVEL_NAMES) do
  if name == known[2] and known[3] and known[3] ~= '' then stream, entry = LEVELS[level], known[3] end
end
local row = stream and pending_row(stream, entry)
if row and not is_nobody(row[2]) then return RUNS end

redis.call('DEL', body)
redis.call('ZREM', delayed, id)
local is_queued = redis.call('ZSCORE', backlog, id)
if is_queued then leave_backlog(id, is_queued, known[5]) end
if stream then leave(stream, entry) end
if known[4] and known[4] ~= '' then redis.call('XDEL', dead, known[4]) end
open_slot(unique_key, unique, id)
redis.call('SREM', cancel, id)
redis.call('DEL', history)
redis.call('HINCRBY', counters, 'removed', 1)
tell(job, id, 'removed', 'cancelled')
redis.call('DEL', job)
return REMOVED
