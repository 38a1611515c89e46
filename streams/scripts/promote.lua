-- Moves jobs whose time has come into their streams. One that has expired before its first
-- attempt is cancelled instead.
-- keys: critical high normal low delayed dead events watchers counters | job body history unique_key
-- args: ended_ttl_ms dead_ttl_ms | id unique
-- include: _levels _now _events _fields _history _leave _bury _lose _pass_oom _arrive
-- flags: allow-oom
-- returns: a code a row: 0 not due any more, 1 promoted, 2 dead (its body was gone), 3 expired
local GONE = 0
local due = {}
for i = 1, rows do
  local id = row_args(i)
  local score = redis.call('ZSCORE', delayed, id)
  due[i] = score and tonumber(score) <= now and not due[id]
  due[id] = true
end

pass_oom(critical)
local answers = {}
for i = 1, rows do
  local id, unique = row_args(i)
  answers[i] = due[i] and arrive('promoted', id, unique, row_keys(i)) or GONE
  if due[i] then redis.call('ZREM', delayed, id) end
end
count_arrivals('promoted')
return answers
