-- Looks at one window of the pending lists for entries whose lease has lapsed, of any owner
-- or of one, from the most urgent level down. Reads only; the claim itself is a second call,
-- so that it can declare the records it writes. A window ends early where it has found
-- much: the bodies are read.
-- Of a paused level nothing is shown, except to whoever asks for what one owner has.
-- keys: critical high normal low gate
-- args: level cursor count lapsed_max bytes_max lease_ms owner
-- include: _levels _now _fields _gate
-- returns: {next level (0 at the end), next cursor, rows {level, entry, owner, idle_ms, deliveries, id, unique}, now ms}
local now = now_ms()
local left = tonumber(count)
local lapsed, bytes = {}, 0

local function window_of(number, from)
  local stream, found = LEVELS[number], nil
  if owner == '' and is_paused(number) then return {} end
  if owner == '' then
    found = redis.pcall('XPENDING', stream, GROUP, from, '+', left)
  else
    found = redis.pcall('XPENDING', stream, GROUP, from, '+', left, owner)
  end
  return found.err and {} or found
end

-- False where enough has been found.
local function look_at(number, row)
  if row[3] < tonumber(lease_ms) then return true end
  local fields = fields_of(LEVELS[number], row[1]) or {}
  for _, part in ipairs(fields) do bytes = bytes + #part end
  lapsed[#lapsed + 1] = {
    number, row[1], row[2], row[3], row[4], field(fields, 'id') or '', field(fields, 'unique') or '',
  }
  return #lapsed < tonumber(lapsed_max) and bytes < tonumber(bytes_max)
end

for number = tonumber(level), #LEVELS do
  local window = window_of(number, cursor)
  for _, row in ipairs(window) do
    left = left - 1
    if not look_at(number, row) or left == 0 then return { number, '(' .. row[1], lapsed, now } end
  end
  cursor = '-'
end
return { 0, '', lapsed, now }
