-- Settle the entries of the last batch and take the next, in one call.
-- keys: stream   args: group consumer count, then the entries that are done
local stream = KEYS[1]
local group, consumer, count = ARGV[1], ARGV[2], ARGV[3]
if #ARGV > 3 then
  local done = { unpack(ARGV, 4) }
  redis.call('XACK', stream, group, unpack(done))
  redis.call('XDEL', stream, unpack(done))
end
local reply = redis.call('XREADGROUP', 'GROUP', group, consumer, 'COUNT', count, 'STREAMS', stream, '>')
if not reply then
  return {}
end
return reply[1][2]
