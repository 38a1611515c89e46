-- After the server's clock was put back, what was delivered before reads as idle for no time
-- until the clock has caught up, and no lease would lapse. Each such row gets the present
-- moment as its last sign of life, under its own owner and count: who lives renews it
-- anyway, and who is dead has one more lease to end. What nobody has is claimable at once.
-- keys: critical high normal low
-- args: level cursor count lease_ms
-- include: _levels _fields
-- returns: {next cursor ('' at the end), how many rows were stamped}
local stream = LEVELS[tonumber(level)]
local window = redis.pcall('XPENDING', stream, GROUP, cursor, '+', count)
if window.err then return { '', 0 } end
local stamped = 0
for _, row in ipairs(window) do
  -- XCLAIM would drop the pending row of an entry whose body is gone: the only trace of it.
  if row[3] == 0 and has_body(stream, row[1]) then
    local idle_ms = is_nobody(row[2]) and lease_ms or 0
    redis.call('XCLAIM', stream, GROUP, row[2], 0, row[1], 'IDLE', idle_ms, 'JUSTID')
    stamped = stamped + 1
  end
end
local full = #window == tonumber(count)
return { full and '(' .. window[#window][1] or '', stamped }
