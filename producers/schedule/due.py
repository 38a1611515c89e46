"""Which ticks of a schedule are to be fired now, and when the next ones are: pure.

The moment of a tick is the tick itself and the schedule's jitter. Ticks are fired in their
order: one with little jitter waits for one before it with more.
"""

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from itertools import takewhile

from producers.schedule.schedule import Missed, Schedule

#: The first look back; each further one is twice as long, until there are enough ticks.
_FIRST_LOOK = timedelta(hours=1)
_MS = timedelta(milliseconds=1)


def due(schedule: Schedule, last_tick: datetime, now: datetime) -> list[datetime]:
    """The ticks after *last_tick* that are to be fired at *now*, in their order.

    At most `missed_max` of them, the latest ones. What it leaves out is never fired: the
    schedule moves on past it with the next tick that is.
    """
    if schedule.paused:
        return []
    if schedule.missed is Missed.LAST:
        return _latest(schedule, last_tick, now, limit=1)
    if schedule.missed is Missed.ALL:
        return _latest(schedule, last_tick, now, limit=schedule.missed_max)
    oldest = now - schedule.grace - schedule.jitter - _MS
    recent = _latest(schedule, max(last_tick, oldest), now, limit=schedule.missed_max)
    return [tick for tick in recent if moment(schedule, tick) + schedule.grace >= now]


def next_moments(schedule: Schedule, last_tick: datetime, now: datetime) -> Iterator[datetime]:
    """The moments after *now* at which it comes; none while it is paused."""
    if schedule.paused:
        return
    for tick in schedule.times.after(max(last_tick, now - schedule.jitter)):
        if (each := moment(schedule, tick)) > now:
            yield each


def moment(schedule: Schedule, tick: datetime) -> datetime:
    """When *tick* is to be fired: up to the schedule's jitter later, always the same."""
    span_ms = schedule.jitter // _MS
    if not span_ms:
        return tick
    seed = f"{schedule.name} {tick.astimezone(UTC).isoformat()}"
    drawn = int.from_bytes(blake2b(seed.encode(), digest_size=8).digest(), "big")
    return tick + drawn % (span_ms + 1) * _MS


def _latest(schedule: Schedule, since: datetime, now: datetime, *, limit: int) -> list[datetime]:
    """The latest *limit* ticks after *since* whose moment has come.

    Looks back further and further: a schedule of every minute that nobody ran for a year has
    half a million ticks, of which few are wanted.
    """
    look = _FIRST_LOOK + schedule.jitter
    while True:
        start = max(since, now - look)
        ticks = takewhile(lambda tick: moment(schedule, tick) <= now, schedule.times.after(start))
        found = deque(ticks, maxlen=limit)
        if len(found) == limit or start == since:
            return [*found]
        look *= 2
