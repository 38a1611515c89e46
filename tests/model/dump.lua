-- Everything that the keys of one queue hold, in one answer: {key, type, ms to live, value}
-- a key. For tests only: it walks all keys.
local READ = {
  hash = function(key) return redis.call('HGETALL', key) end,
  list = function(key) return redis.call('LRANGE', key, 0, -1) end,
  set = function(key) return redis.call('SMEMBERS', key) end,
  zset = function(key) return redis.call('ZRANGE', key, 0, -1) end,
  string = function(key)
    local value = redis.call('GET', key)
    return string.find(key, '}:body:', 1, true) and cmsgpack.unpack(value) or value
  end,
  stream = function(key)
    local pending = redis.pcall('XPENDING', key, 'millstream', '-', '+', 1000)
    return { redis.call('XRANGE', key, '-', '+'), pending.err and {} or pending }
  end,
}
local found = {}
for _, key in ipairs(redis.call('KEYS', ARGV[1] .. '*')) do
  local kind = redis.call('TYPE', key).ok
  found[#found + 1] = { key, kind, redis.call('PTTL', key), READ[kind](key) }
end
return found
