-- Work on the flat field list of an entry: {name, value, name, value, ...}.

-- An entry with more fields than this is cut when it is moved: unpack() has a limit, and
-- nothing that is documented needs more.
local FIELD_VALUES_MAX = 256

-- A name that comes twice counts once, the first time: readers in other languages keep
-- the last one, and must not see something else than the scripts do.
local function fields_of(stream, entry)
  local found = redis.call('XRANGE', stream, entry, entry)
  if not found[1] then return nil end
  local raw, fields, seen = found[1][2], {}, {}
  for i = 1, math.min(#raw, FIELD_VALUES_MAX), 2 do
    if not seen[raw[i]] then
      seen[raw[i]] = true
      fields[#fields + 1] = raw[i]
      fields[#fields + 1] = raw[i + 1]
    end
  end
  return fields
end

local function field(fields, name)
  for i = 1, #fields, 2 do
    if fields[i] == name then return fields[i + 1] end
  end
  return nil
end

local function set_field(fields, name, value)
  for i = 1, #fields, 2 do
    if fields[i] == name then
      fields[i + 1] = tostring(value)
      return
    end
  end
  fields[#fields + 1] = name
  fields[#fields + 1] = tostring(value)
end

-- A new place is a new epoch: handlers' fences grow over retries and replays.
local function next_epoch(fields)
  set_field(fields, 'epoch', (tonumber(field(fields, 'epoch')) or 0) + 1)
end
