-- Dead letters behind a place of the list, the newest first, of one level or of all (level 0).
-- Reads only; ends early where it has read much, because bodies and histories are read.
-- keys: dead
-- args: cursor level count bytes_max
-- include: _fields _listed
-- flags: no-writes
-- returns: {next cursor ('' at the end), rows as in _listed + cause, died_ms, entry before its death}
local LEVEL_OF = { critical = 1, high = 2, normal = 3, low = 4 }
-- Letters that one call looks at: few may be of the level.
local LOOKED_AT_MAX, WINDOW_MAX = 400, 64
local wanted, left, most = tonumber(level), tonumber(count), tonumber(bytes_max)
local found, looked_at, window, from = {}, 0, 1, cursor

local function take(entry, fields)
  local own = LEVEL_OF[field(fields, 'priority') or ''] or 3
  local row = listed(own, entry, fields)
  if wanted ~= 0 and own ~= wanted then return end
  row[9], row[10] = field(fields, 'cause') or '', field(fields, 'died_ms') or ''
  row[11] = field(fields, 'entry') or ''
  found[#found + 1] = row
end

while true do
  local rows = redis.call('XREVRANGE', dead, from, '-', 'COUNT', window)
  for _, row in ipairs(rows) do
    take(row[1], row[2])
    looked_at, from = looked_at + 1, '(' .. row[1]
    if #found == left then return { from, found } end
  end
  if #rows < window then return { '', found } end
  if bytes >= most or looked_at >= LOOKED_AT_MAX then return { from, found } end
  local fitting = math.floor((most - bytes) * looked_at / math.max(bytes, 1)) + 1
  window = math.min(window * 2, WINDOW_MAX, fitting)
end
