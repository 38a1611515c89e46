-- Tells those who watch that jobs have been taken. Their records do not say so, and a read
-- that waits runs no script, so the consumer tells it where a fetch has said that somebody
-- watches.
-- keys: events watchers
-- args: | id kind attempt tenant
-- include: _events
-- returns: how many were told
local told = 0
for i = 1, rows do
  local id, kind, attempt, tenant = row_args(i)
  if watched(id) then
    local said = { 'id', id, 'event', 'started', 'state', 'running', 'kind', kind, 'attempt', attempt }
    if tenant ~= '' then
      said[#said + 1], said[#said + 2] = 'tenant', tenant
    end
    announce(said)
    told = told + 1
  end
end
return told
