-- Tells the workers to look now: for a job that is due soon, or for what ends no read of
-- theirs: jobs that were handed back, the end of a pause. One entry is enough, because who
-- looks sees everything.
local function wake_all(due_in_ms)
  redis.call('XADD', wake, 'MAXLEN', 1, '*', 'due_in_ms', due_in_ms)
end
