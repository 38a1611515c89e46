-- Makes a job that waits more or less urgent.
-- keys: critical high normal low backlog turns events watchers counters job
-- args: id level
-- include: _levels _events _pending _fields _leave _rounds _turns _reprioritise
-- returns: 0 no record, 1 moved, 2 it had that level, 3 it was begun, 4 it has ended, 5 its entry is gone
return reprioritise(job, id, tonumber(level), false)
