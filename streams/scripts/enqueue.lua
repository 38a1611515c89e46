-- Accepts jobs: each goes into its stream, or waits when its time is still to come.
-- A job whose id has a record, or whose unique slot is taken, is not accepted again; the
-- answer names the job that is there, so that a repeated call changes nothing.
-- keys: critical high normal low delayed counters | job body unique_key
-- args: length_max | id level delay_ms due_ms unique unique_ttl_ms kind payload attempts timeout_ms meta traceparent schema_version
-- include: _levels _now
-- returns: a row a job {code, text}: 1 ready + entry, 2 delayed + due ms, 3 exists + id, 4 unique slot taken + id, 5 full + length
local READY, DELAYED, EXISTS, TAKEN, FULL = 1, 2, 3, 4, 5
local now = now_ms()
local limit = tonumber(length_max)
local length = 0
if limit > 0 then
  length = redis.call('ZCARD', delayed)
  for _, stream in ipairs(LEVELS) do length = length + redis.call('XLEN', stream) end
end

local answers, accepted, slots = {}, {}, {}
for i = 1, rows do
  local job, _, unique_key = row_keys(i)
  local id, _, _, _, unique = row_args(i)
  local holder = unique ~= '' and (slots[unique] or redis.call('GET', unique_key))
  if accepted[id] or redis.call('EXISTS', job) == 1 then
    answers[i] = { EXISTS, id }
  elseif holder then
    answers[i] = { TAKEN, holder }
  elseif limit > 0 and length >= limit then
    answers[i] = { FULL, tostring(length) }
  else
    length = length + 1
    accepted[id] = true
    slots[unique] = id
  end
end

local count = 0
for i = 1, rows do
  if not answers[i] then
    local job, body, unique_key = row_keys(i)
    local id, level, delay_ms, due_ms, unique, unique_ttl_ms, kind, payload, attempts, timeout_ms, meta, traceparent, schema_version = row_args(i)
    level = tonumber(level)
    local due = tonumber(due_ms)
    if tonumber(delay_ms) > 0 then due = now + tonumber(delay_ms) end
    local fields = {
      'id', id, 'kind', kind, 'payload', payload, 'attempt', '1', 'attempts', attempts,
      'timeout_ms', timeout_ms, 'enqueued_ms', tostring(now), 'epoch', '0', 'unique', unique,
      'meta', meta, 'traceparent', traceparent,
    }
    if schema_version ~= '' then
      fields[#fields + 1] = 'schema_version'
      fields[#fields + 1] = schema_version
    end
    if due > now then
      redis.call('SET', body, cmsgpack.pack(fields))
      redis.call('ZADD', delayed, due, id)
      redis.call('HSET', job, 'state', 'delayed', 'id', id, 'kind', kind, 'priority', LEVEL_NAMES[level],
        'enqueued_ms', now, 'due_ms', due, 'attempts', attempts, 'unique', unique)
      answers[i] = { DELAYED, tostring(due) }
    else
      local entry = redis.call('XADD', LEVELS[level], '*', unpack(fields))
      redis.call('HSET', job, 'state', 'ready', 'id', id, 'kind', kind, 'priority', LEVEL_NAMES[level],
        'enqueued_ms', now, 'entry', entry, 'attempts', attempts, 'unique', unique)
      answers[i] = { READY, entry }
    end
    if unique ~= '' then
      redis.call('SET', unique_key, id)
      if tonumber(unique_ttl_ms) > 0 then redis.call('PEXPIRE', unique_key, unique_ttl_ms) end
    end
    count = count + 1
  end
end
if count > 0 then redis.call('HINCRBY', counters, 'enqueued', count) end
return answers
