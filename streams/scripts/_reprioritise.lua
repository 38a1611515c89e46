-- Moves a job that waits to another level: its entry goes to the end of that level's stream,
-- the new place first and the old one last, or where it is delayed its record says which
-- stream it comes to. One that waits for its turn gets the next one there. A job that was
-- begun, one that was handed back too, stays: it is taken before everything new. With
-- `only_up` nothing gets less urgent.
local NO_JOB, MOVED, AS_IT_WAS, BEGUN, OVER, NO_ENTRY = 0, 1, 2, 3, 4, 5

local function move_entry(job, id, entry, from, to, losses)
  if pending_row(LEVELS[from], entry) then return BEGUN end
  local fields = fields_of(LEVELS[from], entry)
  if not fields then return NO_ENTRY end
  keep_arrival(fields, entry)
  next_epoch(fields)
  set_field(fields, 'id', id)
  if losses > 0 then set_field(fields, 'losses', losses) end
  local moved = redis.call('XADD', LEVELS[to], '*', unpack(fields))
  redis.call('HSET', job, 'priority', LEVEL_NAMES[to], 'entry', moved)
  leave(LEVELS[from], entry)
  return MOVED
end

local function reprioritise(job, id, level, only_up)
  local known = redis.call('HMGET', job, 'state', 'priority', 'entry', 'losses', 'tenant')
  local state, from = known[1], level_named(known[2])
  if not state then return NO_JOB end
  if state ~= 'ready' and state ~= 'delayed' and state ~= 'queued' then return OVER end
  if level == from or only_up and level > from then return AS_IT_WAS end
  local answer = MOVED
  if state == 'ready' then
    answer = move_entry(job, id, known[3], from, level, tonumber(known[4] or '0'))
  else
    if state == 'queued' then
      take_turn(level, known[5] or '', id)
      give_up_turn(from, known[5] or '')
    end
    redis.call('HSET', job, 'priority', LEVEL_NAMES[level])
  end
  if answer == MOVED then
    redis.call('HINCRBY', counters, 'reprioritised', 1)
    tell(job, id, 'reprioritised', state)
  end
  return answer
end
