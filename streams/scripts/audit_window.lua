-- A window of a stream without its bodies: which jobs are there. Reads only.
-- keys: stream
-- args: cursor count
-- include: _fields
-- flags: no-writes
-- returns: {next cursor ('' at the end), rows {entry, id}}
local window = redis.call('XRANGE', stream, cursor, '+', 'COUNT', count)
local found = {}
for i, row in ipairs(window) do found[i] = { row[1], field(row[2], 'id') or '' } end
local full = #window == tonumber(count)
return { full and '(' .. window[#window][1] or '', found }
