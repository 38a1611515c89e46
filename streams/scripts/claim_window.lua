-- Looks at one window of one pending list for entries whose lease has lapsed, of any owner
-- or of one. Reads only; the claim itself is a second call, so that it can declare the
-- records it writes. A window ends early where it has found much: the bodies are read.
-- keys: critical high normal low
-- args: level cursor count lapsed_max bytes_max lease_ms owner
-- include: _levels _now _fields
-- returns: {next cursor ('' at the end), rows {entry, owner, idle_ms, deliveries, id, unique}, now ms}
local stream = LEVELS[tonumber(level)]
local window
if owner == '' then
  window = redis.pcall('XPENDING', stream, GROUP, cursor, '+', count)
else
  window = redis.pcall('XPENDING', stream, GROUP, cursor, '+', count, owner)
end
local now = now_ms()
if window.err then return { '', {}, now } end

local lapsed, bytes, looked_at = {}, 0, 0
for i, row in ipairs(window) do
  looked_at = i
  if row[3] >= tonumber(lease_ms) then
    local fields = fields_of(stream, row[1]) or {}
    for _, part in ipairs(fields) do bytes = bytes + #part end
    lapsed[#lapsed + 1] = {
      row[1], row[2], row[3], row[4], field(fields, 'id') or '', field(fields, 'unique') or '',
    }
    if #lapsed >= tonumber(lapsed_max) or bytes >= tonumber(bytes_max) then break end
  end
end
local more = looked_at < #window or #window == tonumber(count)
return { more and '(' .. window[looked_at][1] or '', lapsed, now }
