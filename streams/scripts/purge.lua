-- Deletes dead letters for good, with the records of their jobs.
-- keys: dead counters | job history
-- args: | dead_entry
-- returns: how many were there
local found = 0
for i = 1, rows do
  local dead_entry = row_args(i)
  local job, history = row_keys(i)
  if redis.call('XDEL', dead, dead_entry) == 1 then
    found = found + 1
    if redis.call('HGET', job, 'dead_entry') == dead_entry then
      redis.call('DEL', job, history)
    end
  end
end
if found > 0 then redis.call('HINCRBY', counters, 'purged', found) end
return found
