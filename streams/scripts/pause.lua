-- Pauses levels of a queue, or lets them go on. Of a level that was paused before, who did so
-- first stays on record.
-- keys: gate wake
-- args: levels pause by reason
-- include: _now _wake
-- returns: {levels that were changed, levels that are paused now}
local held = redis.call('HGET', gate, 'paused') or ''
local told = cjson.encode({ by = by, reason = reason, since_ms = now_ms() })
local changed, now_held, notes, dropped = '', '', {}, {}
for level in string.gmatch('1234', '%d') do
  local was = string.find(held, level, 1, true) ~= nil
  local is = was
  if string.find(levels, level, 1, true) then is = pause == '1' end
  if is then now_held = now_held .. level end
  if is ~= was then changed = changed .. level end
  if is and not was then
    notes[#notes + 1] = 'pause:' .. level
    notes[#notes + 1] = told
  elseif was and not is then
    dropped[#dropped + 1] = 'pause:' .. level
  end
end
if changed == '' then return { changed, now_held } end
if now_held == '' then dropped[#dropped + 1] = 'paused' end
if now_held ~= '' then redis.call('HSET', gate, 'paused', now_held, unpack(notes)) end
if #dropped > 0 then redis.call('HDEL', gate, unpack(dropped)) end
if pause ~= '1' then wake_all(0) end
return { changed, now_held }
