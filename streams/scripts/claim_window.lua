-- Looks at one window of one pending list for entries whose lease has lapsed. Reads only;
-- the claim itself is a second call, so that it can declare the records it writes.
-- keys: critical high normal low
-- args: level cursor count lease_ms
-- include: _levels _fields
-- returns: {next cursor ('' at the end), rows {entry, owner, idle_ms, deliveries, id, unique}}
local stream = LEVELS[tonumber(level)]
local window = redis.pcall('XPENDING', stream, GROUP, cursor, '+', count)
if window.err then return { '', {} } end
local lapsed = {}
for _, row in ipairs(window) do
  if row[3] >= tonumber(lease_ms) then
    local fields = fields_of(stream, row[1]) or {}
    lapsed[#lapsed + 1] = {
      row[1], row[2], row[3], row[4], field(fields, 'id') or '', field(fields, 'unique') or '',
    }
  end
end
local full = #window == tonumber(count)
return { full and '(' .. window[#window][1] or '', lapsed }
