-- Whose turn is next: the ids that `admit` may move now, most urgent level first. In a queue
-- that is not fair any more all that is left may. Reads only.
-- keys: critical high normal low backlog turns gate
-- args: count
-- include: _levels _rounds
-- flags: no-writes
-- returns: ids
local fair = redis.call('HGET', gate, 'fair')
local ids = {}
for level = 1, #LEVELS do
  local left = tonumber(count) - #ids
  local room = fair and math.min(left, window_room(level, fair)) or left
  if room > 0 then
    local first, last = backlog_range(level)
    for _, id in ipairs(redis.call('ZRANGEBYSCORE', backlog, first, last, 'LIMIT', 0, room)) do
      ids[#ids + 1] = id
    end
  end
end
return ids
