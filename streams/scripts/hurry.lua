-- Makes jobs that wait more urgent, and none less: who asks for work that somebody less
-- urgent has asked for before need not wait for that one's turn.
-- keys: critical high normal low backlog turns events watchers counters | job
-- args: | id level
-- include: _levels _events _pending _fields _leave _rounds _turns _reprioritise
-- returns: a code a row: 0 no record, 1 moved, 2 it is as urgent, 3 it was begun, 4 it has ended, 5 its entry is gone
local answers = {}
for i = 1, rows do
  local id, level = row_args(i)
  answers[i] = reprioritise(row_keys(i), id, tonumber(level), true)
end
return answers
