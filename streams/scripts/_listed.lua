-- One job of a list, without its payload: {level, entry, id, kind, attempt, enqueued_ms or '',
-- unique key, payload bytes}. What was read is counted, because a list ends where that is much.
local bytes = 0

local function listed(level, entry, fields)
  for i = 2, #fields, 2 do bytes = bytes + #fields[i] end
  return {
    level, entry, field(fields, 'id') or '', field(fields, 'kind') or '',
    field(fields, 'attempt') or '1', field(fields, 'enqueued_ms') or '',
    field(fields, 'unique') or '', #(field(fields, 'payload') or ''),
  }
end
