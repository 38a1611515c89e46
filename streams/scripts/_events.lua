-- Tells those who watch a job what has become of it. While nobody watches anything this costs
-- one EXISTS a call. `watchers` has the ids that are watched as its members, and an empty one
-- where all are.
local EVENTS_MAX = 10000
local is_watched = redis.call('EXISTS', watchers) == 1
local all_watched = is_watched and redis.call('ZSCORE', watchers, '')

local function watched(id)
  return is_watched and (all_watched or redis.call('ZSCORE', watchers, id))
end

-- An event that cannot be written does not break the transition that it tells of.
local function announce(said)
  redis.pcall('XADD', events, 'MAXLEN', '~', EVENTS_MAX, '*', unpack(said))
end

-- To be called when the record tells it: kind, attempt and tenant are taken from there.
local function tell(job, id, event, state, name, value)
  if not watched(id) then return end
  local known = redis.call('HMGET', job, 'kind', 'attempt', 'tenant')
  local said = { 'id', id, 'event', event, 'state', state,
    'kind', known[1] or '', 'attempt', known[2] or '1' }
  if known[3] then
    said[#said + 1], said[#said + 2] = 'tenant', known[3]
  end
  if name then
    said[#said + 1], said[#said + 2] = name, value
  end
  announce(said)
end
