-- Keeps a value under a name for a while, unless what is kept there is newer.
--
-- Newer is what a later job has made, and of one job what a later delivery has made. So a
-- worker that was frozen, whose job has been run again elsewhere, overwrites nothing when
-- it wakes up.
--
-- keys: name order
-- args: value ttl_ms born_ms fence
-- returns: 1 kept, 0 not: there is a newer one

local function is_older_than(known)
  local known_born, known_fence = string.match(known, '^(%d+) (%d+)$')
  if not known_born then return false end
  known_born, known_fence = tonumber(known_born), tonumber(known_fence)
  local born = tonumber(born_ms)
  if born ~= known_born then return born < known_born end
  return tonumber(fence) < known_fence
end

local known = redis.call('GET', order)
if known and is_older_than(known) then return 0 end
redis.call('SET', order, born_ms .. ' ' .. fence, 'PX', ttl_ms)
redis.call('SET', name, value, 'PX', ttl_ms)
return 1
