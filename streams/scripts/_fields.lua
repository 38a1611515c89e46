-- Work on the flat field list of an entry: {name, value, name, value, ...}.

-- An entry with more fields than this is cut when it is moved: unpack() has a limit, and
-- nothing that is documented needs more.
local FIELD_VALUES_MAX = 256

-- Of a name that comes twice the last counts, as for every client that reads an entry
-- into a dictionary: none must see something else than the scripts do.
local function fields_of(stream, entry)
  local found = redis.call('XRANGE', stream, entry, entry)
  if not found[1] then return nil end
  local raw, fields, place = found[1][2], {}, {}
  for i = 1, math.min(#raw, FIELD_VALUES_MAX), 2 do
    local name = raw[i]
    if not place[name] then
      fields[#fields + 1] = name
      place[name] = #fields + 1
    end
    fields[place[name]] = raw[i + 1]
  end
  return fields
end

local function has_body(stream, entry)
  return redis.call('XRANGE', stream, entry, entry)[1] ~= nil
end

local function field(fields, name)
  for i = 1, #fields, 2 do
    if fields[i] == name then return fields[i + 1] end
  end
  return nil
end

-- Numbers are written out: tostring() rounds those of more than fourteen digits.
local function set_field(fields, name, value)
  local text = type(value) == 'number' and string.format('%.0f', value) or value
  for i = 1, #fields, 2 do
    if fields[i] == name then
      fields[i + 1] = text
      return
    end
  end
  fields[#fields + 1] = name
  fields[#fields + 1] = text
end

-- A new place is a new epoch: handlers' fences grow over retries and replays.
local function next_epoch(fields)
  set_field(fields, 'epoch', (tonumber(field(fields, 'epoch')) or 0) + 1)
end

-- An entry that moves takes the time of its arrival along, which its id has told so far.
local function keep_arrival(fields, entry)
  if not field(fields, 'enqueued_ms') then
    set_field(fields, 'enqueued_ms', string.match(entry, '^%d+'))
  end
end
