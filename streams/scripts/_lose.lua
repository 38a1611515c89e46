-- What the loss of a consumer costs the job that it had. A job that was lost twice is a
-- suspect: from then on it runs alone, in a process of its own, and only what happens
-- there counts towards its death, so that the neighbours of a poison job live.
--
-- A process of its own that dies under a job tells on the job. A worker that is lost while
-- it runs a suspect tells less: whatever else kills workers hits those too that run one,
-- and where jobs run alone in children, a job cannot kill the worker at all.
local SUSPECT_LOSSES, SOLO_LOSSES_MAX, ALONE_LOSSES_MAX = 2, 2, 8

-- The losses of the job whose record says that it is at `entry`. Anybody may send two
-- entries with one id: the record belongs to the first that had one written, and the other
-- is a twin, whose run counts and whose end does not. A record with this very token is no
-- other's: a script that recorded it was broken off before it had removed the entry. Every
-- script that writes a history says `losses` too, so that where there are none on record,
-- not even 0, there is no history.
local function losses_of(job, entry, token)
  local known = redis.call('HMGET', job, 'state', 'entry', 'losses', 'solo', 'token')
  local mine = token ~= nil and known[5] == token
  if known[1] and entry and known[2] ~= entry and not mine then
    return { losses = 0, twin = true }
  end
  return {
    losses = tonumber(known[3] or '0'), solo = tonumber(known[4] or '0'), mine = mine,
    has_record = known[1] ~= false, has_past = known[3] ~= false,
  }
end

-- One loss more, and its row of the history. Nothing is written here; a job that is killed
-- by it has its end in `count.cause`.
local function lose(count, alone, words, row)
  count.losses = count.losses + 1
  if alone then
    row.alone = true
    count.solo = count.solo + 1
    if count.solo >= (row.outcome == 'lost' and ALONE_LOSSES_MAX or SOLO_LOSSES_MAX) then
      count.cause = words == '' and 'poison' or 'poison: ' .. words
    end
  end
  return cjson.encode(row)
end

local function is_suspect(count)
  return count.losses >= SUSPECT_LOSSES
end

-- The owner of an entry that is handed back.
local function nobody_for(count)
  return is_suspect(count) and NOBODY_SUSPECT or NOBODY
end
