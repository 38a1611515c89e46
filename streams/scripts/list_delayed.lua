-- Ids that wait for their time, behind a place of the list: after `id` among those that are
-- due at `score`, wherever that id is by now. Its place is found by halving, so that jobs
-- that are due at one moment may be any number. Reads only.
-- keys: delayed
-- args: score id count
-- flags: no-writes
-- returns: ids, each followed by the moment it is due
local function is_behind(one, other)
  for at = 1, math.min(#one, #other) do
    local left, right = string.byte(one, at), string.byte(other, at)
    if left ~= right then return left > right end
  end
  return #one > #other
end

local low, high = 0, 0
if score ~= '' then
  low = redis.call('ZCOUNT', delayed, '-inf', '(' .. score)
  high = redis.call('ZCOUNT', delayed, '-inf', score)
end
while low < high do
  local middle = math.floor((low + high) / 2)
  if is_behind(redis.call('ZRANGE', delayed, middle, middle)[1], id) then high = middle else low = middle + 1 end
end
return redis.call('ZRANGE', delayed, low, low + tonumber(count) - 1, 'WITHSCORES')
