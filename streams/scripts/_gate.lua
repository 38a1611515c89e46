-- Which levels of the queue are paused: one look for a whole call.
local held = redis.call('HGET', gate, 'paused') or ''
local function is_paused(level)
  return held ~= '' and string.find(held, level, 1, true) ~= nil
end
