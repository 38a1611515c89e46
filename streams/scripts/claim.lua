-- Takes over entries whose lease has lapsed or that nobody has, each by XAUTOCLAIM from its
-- own id, so that exactly the entries are claimed whose records are declared. Every loss
-- goes into the job's history with the consumer that lost it. An entry without a body
-- becomes a dead letter, as does a job that cost too many consumers their life while it
-- ran alone. Of suspects no more are taken than can run alone; the others are left as they
-- are, with nothing charged, for whoever has room for them.
-- Of a paused level nothing is taken: its jobs wait for the end of the pause, lost ones too.
-- keys: critical high normal low dead cancel events watchers counters gate | job history unique_key
-- args: consumer lease_ms dead_ttl_ms suspects_max | level entry owner deliveries since_ms id unique
-- include: _levels _now _events _pending _fields _history _leave _bury _lose _outlive _pass_oom _gate
-- flags: allow-oom
-- returns: a row an entry {code}: 0 not lapsed any more, 1 claimed + deliveries, losses, fields, 2 dead, 3 a suspect, left
local GONE, CLAIMED, DEAD, LEFT = 0, 1, 2, 3
local now = now_ms()
local lapsed = {}

-- Silent for a lease, and not heard of since it was seen to be: by the difference alone a
-- row that was renewed meanwhile would look lapsed when the clock was put forward then.
local function is_lapsed(row, since_ms)
  local lease = tonumber(lease_ms)
  return row[3] >= lease and math.abs(now - row[3] - tonumber(since_ms)) < lease / 2
end

for i = 1, rows do
  local level, entry, owner, deliveries, since_ms = row_args(i)
  local row = pending_row(LEVELS[tonumber(level)], entry)
  if row and not is_paused(level) and row[2] == owner and row[4] == tonumber(deliveries)
    and (is_nobody(owner) or is_lapsed(row, since_ms)) then
    lapsed[i] = row
  end
end

local losses, suspects = 0, 0

-- An entry of our own that we do not run was read by a call whose answer was lost: nobody
-- crashed. One that was handed back was not lost either.
local function lost(count, owner, silent_ms)
  if is_nobody(owner) or owner == consumer then return '' end
  return lose(count, is_suspect(count), '', {
    outcome = 'lost', consumer = owner, ended_ms = now, silent_ms = silent_ms,
  })
end

local function take(i, silent_ms, deliveries)
  local job, history, unique_key = row_keys(i)
  local level, entry, owner, _, _, id, unique = row_args(i)
  level = tonumber(level)
  local stream, count = LEVELS[level], losses_of(job, entry)
  local attempt = lost(count, owner, silent_ms)
  local lives = not count.cause and has_body(stream, entry)
  if lives and is_suspect(count) then
    if suspects >= tonumber(suspects_max) then return { LEFT } end
    suspects = suspects + 1
  end
  if attempt ~= '' then losses = losses + 1 end
  local fields = outlive({
    job = job, history = history, unique_key = unique_key, id = id, unique = unique,
    level = level, stream = stream, entry = entry, count = count, attempt = attempt,
  })
  if not fields then return { DEAD } end
  local idle_ms = is_nobody(owner) and 0 or lease_ms
  redis.call('XAUTOCLAIM', stream, GROUP, consumer, idle_ms, entry, 'COUNT', 1)
  if not count.twin then
    if attempt ~= '' then tell(job, id, 'lost', 'ready') end
    tell(job, id, 'started', 'running')
  end
  return { CLAIMED, deliveries + 1, count.losses, fields }
end

pass_oom(critical)
local answers = {}
for i = 1, rows do
  answers[i] = lapsed[i] and take(i, lapsed[i][3], lapsed[i][4]) or { GONE }
end
if losses > 0 then redis.call('HINCRBY', counters, 'lost', losses) end
return answers
