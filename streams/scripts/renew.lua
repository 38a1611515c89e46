-- Renews the lease of what is still this consumer's, and says what is not. Never takes
-- an entry back: a consumer that was frozen must learn that it has lost. An entry whose
-- body is gone is still its consumer's, and may be settled, but its lease runs out: XCLAIM
-- would drop the pending row, the only trace of it.
-- keys: critical high normal low cancel workers
-- args: consumer info | level entry deliveries id
-- include: _levels _now _pending _fields _pass_oom
-- flags: allow-oom
-- returns: a code a row: 0 lost, 1 kept, 2 kept and somebody wants it cancelled
local LOST, KEPT, CANCEL = 0, 1, 2
local kept, answers = {}, {}
for i = 1, rows do
  local level, entry, deliveries, id = row_args(i)
  local stream = LEVELS[tonumber(level)]
  if owned(stream, entry, consumer, deliveries) then
    if has_body(stream, entry) then kept[#kept + 1] = { stream, entry } end
    answers[i] = redis.call('SISMEMBER', cancel, id) == 1 and CANCEL or KEPT
  else
    answers[i] = LOST
  end
end
pass_oom(critical)
for _, row in ipairs(kept) do
  redis.call('XCLAIM', row[1], GROUP, consumer, 0, row[2], 'JUSTID')
end
redis.call('HSET', workers, consumer, info, 'beat:' .. consumer, now_ms())
return answers
