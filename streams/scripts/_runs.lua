-- How many runs ended, and how long they took: a ring of sixty minutes in one hash, from
-- which rates and percentiles are read. A run of d ms lies in bin 0 where d is below 1, else
-- in bin 1 + floor(4 log2 d): the bounds of a bin are 19 % apart.
local MINUTES, BIN_MAX = 60, 107
local ran = {}

local function note(name, number)
  ran[name] = (ran[name] or 0) + number
end

local function note_run(name, ms)
  note(name, 1)
  note('ms', ms)
  note('b' .. (ms < 1 and 0 or math.min(BIN_MAX, 1 + math.floor(4 * math.log(ms) / math.log(2)))), 1)
end

-- A slot that still holds an hour ago is emptied first.
local function write_runs(now)
  if not next(ran) then return end
  local minute = math.floor(now / 60000)
  local slot = minute % MINUTES
  if redis.call('HGET', stats, slot) ~= tostring(minute) then
    local old = { slot .. ':completed', slot .. ':failed', slot .. ':ms' }
    for bin = 0, BIN_MAX do old[#old + 1] = slot .. ':b' .. bin end
    redis.call('HDEL', stats, unpack(old))
    redis.call('HSET', stats, slot, minute)
  end
  for name, number in pairs(ran) do
    redis.call('HINCRBY', stats, slot .. ':' .. name, number)
  end
end
