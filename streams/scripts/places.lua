-- Every place where one job is, at one moment. The rows name entries that were seen; that
-- of its record is looked at too, as the first one. Reads only.
-- keys: critical high normal low delayed backlog dead cancel job body
-- args: id | level entry
-- include: _levels _pending _fields _delivered
-- flags: no-writes
-- returns: {{state, entry, dead entry}, ttl ms, is delayed, has body, has letter, cancel asked, rows {level, entry, has body, owner, stranded}, waits for its turn}
local record = redis.call('HMGET', job, 'state', 'entry', 'dead_entry', 'priority')
local found, seen = {}, {}
local function visit(level, entry)
  if seen[level .. entry] or not LEVELS[level] or entry == '' then return end
  seen[level .. entry] = true
  local row = pending_row(LEVELS[level], entry)
  local there = has_body(LEVELS[level], entry)
  local stranded = there and not row and was_delivered(entry, group_row(LEVELS[level]))
  found[#found + 1] = { level, entry, there and 1 or 0, row and row[2] or '', stranded and 1 or 0 }
end
for level, name in ipairs(LEVEL_NAMES) do
  if name == record[4] then visit(level, record[2] or '') end
end
for i = 1, rows do
  local level, entry = row_args(i)
  visit(tonumber(level), entry)
end
local letter = record[3] and record[3] ~= '' and has_body(dead, record[3])
return {
  { record[1] or '', record[2] or '', record[3] or '' }, redis.call('PTTL', job),
  redis.call('ZSCORE', delayed, id) and 1 or 0, redis.call('EXISTS', body), letter and 1 or 0,
  redis.call('SISMEMBER', cancel, id), found,
  redis.call('ZSCORE', backlog, id) and 1 or 0,
}
