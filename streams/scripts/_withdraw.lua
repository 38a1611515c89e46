-- Writes that a job has ended because nobody wants it, and lets go of what it held. Its place
-- is taken from it afterwards. More fields of the record may follow.
local function withdraw(job, history, unique_key, id, unique, ...)
  redis.call('HSET', job, 'state', 'cancelled', 'ended_ms', now_ms(), ...)
  redis.call('PEXPIRE', job, ended_ttl_ms)
  redis.call('PEXPIRE', history, ended_ttl_ms)
  open_slot(unique_key, unique, id)
  -- Somebody may have asked before, of a consumer that has lost the job since.
  redis.call('SREM', cancel, id)
end
