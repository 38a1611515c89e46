"""Taking over what lost consumers left behind.

A sweep follows each pending list to its end, window by window, however many live rows
stand in front. What has lapsed is claimed by a second call that declares the records it
writes and takes an entry only if it is still as the window showed it.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from streams.errors import InvalidJobError
from streams.fetch import delivery_of
from streams.job import Delivery, derived_id, require_id
from streams.keys import Keys
from streams.priority import LEVELS
from streams.scripts.loader import Row, load
from streams.server import Server
from streams.settle import Retention

#: Pending rows in one window: about half a millisecond of the server.
WINDOW_ROWS = 100
#: A job that cost so many consumers their life is dead at the next loss.
LOSSES_MAX = 3

_WINDOW = load("claim_window")
_CLAIM = load("claim")
_CLAIMED, _DEAD = 1, 2


@dataclass(frozen=True, slots=True)
class Lapsed:
    """A pending entry whose lease has lapsed, as a window showed it."""

    level: int
    entry: str
    owner: str
    idle_ms: int
    deliveries: int
    id: str
    unique: str


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a claim brought: jobs to run, and jobs that died of it."""

    deliveries: list[Delivery]
    dead: list[Lapsed]


async def sweep(server: Server, keys: Keys, *, lease_ms: int) -> AsyncIterator[list[Lapsed]]:
    """Every lapsed entry of the partition, window by window, most urgent stream first."""
    for priority in LEVELS:
        cursor = "-"
        while cursor:
            following, rows = await server.run(
                _WINDOW,
                keys=keys.streams,
                args={
                    "level": priority.level,
                    "cursor": cursor,
                    "count": WINDOW_ROWS,
                    "lease_ms": lease_ms,
                },
            )
            if rows:
                yield [_lapsed(priority.level, *row) for row in rows]
            cursor = following.decode()


async def claim(
    server: Server,
    keys: Keys,
    consumer: str,
    lapsed: Sequence[Lapsed],
    retention: Retention,
    *,
    losses_max: int = LOSSES_MAX,
) -> Claimed:
    """Take over *lapsed* entries that nobody has renewed or claimed since they were seen."""
    answers = await server.run(
        _CLAIM,
        keys={
            **keys.streams,
            "dead": keys.dead,
            "cancel": keys.cancel,
            "counters": keys.counters,
        },
        args={
            "consumer": consumer,
            "lease_ms": retention.lease_ms,
            "losses_max": losses_max,
            "dead_ttl_ms": retention.dead_ttl_ms,
        },
        rows=[_row(keys, each) for each in lapsed],
    )
    claimed = Claimed([], [])
    for each, (code, deliveries, fields) in zip(lapsed, answers, strict=True):
        if code == _CLAIMED:
            claimed.deliveries.append(
                delivery_of(consumer, each.level, each.entry.encode(), deliveries, fields)
            )
        elif code == _DEAD:
            claimed.dead.append(each)
    return claimed


def _lapsed(
    level: int, entry: bytes, owner: bytes, idle_ms: int, deliveries: int, id_: bytes, unique: bytes
) -> Lapsed:
    place, job_id = entry.decode(), id_.decode(errors="replace")
    try:
        require_id(job_id)
    except InvalidJobError:
        job_id = derived_id(LEVELS[level - 1], place)
    return Lapsed(
        level, place, owner.decode(), idle_ms, deliveries, job_id, unique.decode(errors="replace")
    )


def _row(keys: Keys, each: Lapsed) -> Row:
    return (
        (keys.job(each.id), keys.history(each.id), keys.unique(each.unique)),
        (each.level, each.entry, each.owner, each.deliveries, each.id, each.unique),
    )
