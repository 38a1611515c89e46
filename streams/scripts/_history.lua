-- The attempts of a job: the first ten and the last forty; what is between is dropped,
-- because the first failures and the latest ones are what people ask for.
local HISTORY_FIRST, HISTORY_MAX = 10, 50

-- An empty row, of a run that nobody describes, would break the JSON around it.
local function remember(history, row)
  if row == '' then return end
  if redis.call('RPUSH', history, row) > HISTORY_MAX then
    redis.call('LSET', history, HISTORY_FIRST, '')
    redis.call('LREM', history, 1, '')
  end
end

-- The attempts as one JSON array. Each row is JSON that a worker or a script wrote.
local function history_json(history, last)
  local attempts = redis.call('LRANGE', history, 0, -1)
  if last ~= '' then attempts[#attempts + 1] = last end
  return '[' .. table.concat(attempts, ',') .. ']'
end
