-- What explains where one job is, in one answer. Reads only.
-- `at_level` and `at_entry` say where to look for a job that has no record.
-- keys: critical high normal low delayed backlog turns cancel workers gate job history body unique_key
-- args: id at_level at_entry
-- include: _levels _now _pending _fields _delivered _rounds
-- flags: no-writes
-- returns: {now ms, record, last attempts, ttl ms, delayed score, has body, cancel asked, slot's holder, {entry, level, fields, pending row, has entry, stranded}, {ahead, counted to the end}, levels, consumers, workers, gate, jobs before it in turn or -1}
local HISTORY_ROWS = 5
local HANDED_BACK_MAX = 100
-- Counting reads bodies: it ends after so many entries, or so many bytes of payload.
local AHEAD_MAX, AHEAD_BYTES_MAX, AHEAD_WINDOW_MAX = 100, 131072, 32

local record = redis.call('HGETALL', job)
local named = {}
for i = 1, #record, 2 do named[record[i]] = record[i + 1] end
local level, entry = tonumber(at_level), at_entry
if named.entry then
  entry, level = named.entry, 0
  for number, name in ipairs(LEVEL_NAMES) do
    if name == named.priority then level = number end
  end
end

-- The rows of XINFO are flat lists of names and values.
local function flat_row(row)
  local found = {}
  for i = 1, #row, 2 do found[row[i]] = row[i + 1] end
  return found
end

local groups, levels, consumers = {}, {}, {}
for number, stream in ipairs(LEVELS) do
  local group = group_row(stream)
  groups[number] = group
  local handed_back = group and #redis.call('XPENDING', stream, GROUP, '-', '+', HANDED_BACK_MAX, NOBODY) or 0
  local length = redis.call('XLEN', stream)
  levels[number] = { group and 1 or 0, length - (group and group.pending or 0), handed_back }
  for _, row in ipairs(group and redis.call('XINFO', 'CONSUMERS', stream, GROUP) or {}) do
    local consumer = flat_row(row)
    if consumer.pending > 0 then consumers[#consumers + 1] = { consumer.name, consumer.pending, consumer.idle } end
  end
end

local function ahead_of(stream, group)
  local count, bytes, window = 0, 0, 1
  local from = group and '(' .. group['last-delivered-id'] or '-'
  while count < AHEAD_MAX and bytes * window <= AHEAD_BYTES_MAX * math.max(count, 1) do
    local found = redis.call('XRANGE', stream, from, '(' .. entry, 'COUNT', window)
    for _, each in ipairs(found) do
      for i = 2, #each[2], 2 do bytes = bytes + #each[2][i] end
    end
    count = count + #found
    if #found < window then return { count, 1 } end
    from, window = '(' .. found[#found][1], math.min(window * 2, AHEAD_WINDOW_MAX)
  end
  return { count, 0 }
end

local place, ahead = { '', 0, {}, {} }, { 0, 1 }
if entry ~= '' and LEVELS[level] then
  local stream = LEVELS[level]
  local fields = fields_of(stream, entry)
  local shown = {}
  for i = 1, fields and #fields or 0, 2 do
    -- The body is the handler's business; a job may carry anything under any name.
    if fields[i] == 'kind' or fields[i] == 'attempt' or fields[i] == 'attempts'
      or fields[i] == 'timeout_ms' or fields[i] == 'enqueued_ms' or fields[i] == 'losses' then
      shown[#shown + 1] = fields[i]
      shown[#shown + 1] = fields[i + 1]
    end
  end
  local row = pending_row(stream, entry)
  local stranded = fields and not row and was_delivered(entry, groups[level])
  place = {
    entry, level, shown, row and { row[2], row[3], row[4] } or {}, fields and 1 or 0,
    stranded and 1 or 0,
  }
  if fields and not row then ahead = ahead_of(stream, groups[level]) end
end

local function before_in_turn()
  local turn = redis.call('ZSCORE', backlog, id)
  if not turn then return -1 end
  local first = backlog_place(level_at(turn), 0)
  return redis.call('ZCOUNT', backlog, first, '(' .. string.format('%.0f', tonumber(turn)))
end

return {
  now_ms(), record, redis.call('LRANGE', history, -HISTORY_ROWS, -1), redis.call('PTTL', job),
  redis.call('ZSCORE', delayed, id) or '', redis.call('EXISTS', body),
  redis.call('SISMEMBER', cancel, id), redis.call('GET', unique_key) or '', place, ahead,
  levels, consumers, redis.call('HGETALL', workers), redis.call('HGETALL', gate), before_in_turn(),
}
