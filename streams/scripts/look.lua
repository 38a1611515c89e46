-- Everything about one job in one answer. Reads only.
-- keys: critical high normal low job history
-- args:
-- include: _levels _now _pending
-- flags: no-writes
-- returns: {record as a flat list, attempts, {owner, idle_ms, deliveries} or {}, now ms}
local record = redis.call('HGETALL', job)
local attempts = redis.call('LRANGE', history, 0, -1)
local named = {}
for i = 1, #record, 2 do named[record[i]] = record[i + 1] end
local pending = {}
if named.entry and named.entry ~= '' then
  for level, name in ipairs(LEVEL_NAMES) do
    if name == named.priority then
      local row = pending_row(LEVELS[level], named.entry)
      if row then pending = { row[2], row[3], row[4] } end
    end
  end
end
return { record, attempts, pending, now_ms() }
