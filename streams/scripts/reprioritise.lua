-- Makes a job that waits more or less urgent.
-- keys: critical high normal low events watchers counters job
-- args: id level
-- include: _levels _events _pending _fields _leave _reprioritise
-- returns: 0 no record, 1 moved, 2 it had that level, 3 it was begun, 4 it has ended, 5 its entry is gone
local code = reprioritise(job, id, tonumber(level), false)
if code == MOVED and watched(id) then
  tell(job, id, 'reprioritised', redis.call('HGET', job, 'state'))
end
return code
