"""Taking over what lost consumers left behind.

A sweep follows each pending list to its end, window by window, however many live rows
stand in front. What has lapsed is claimed by a second call that declares the records it
writes and takes an entry only if it is still as the window showed it.
"""

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from streams.clock import Sighting
from streams.entry import derived_id
from streams.errors import InvalidJobError
from streams.fetch import delivery_of
from streams.job import Delivery, require_id
from streams.keys import Keys
from streams.priority import LEVELS
from streams.scripts.loader import Row, load
from streams.server import Server
from streams.settle import Retention

#: Pending rows in one window: about half a millisecond of the server.
WINDOW_ROWS = 500
#: Lapsed entries in one window, and in one claim. Their bodies are read: 1.8 ms of the server.
CLAIM_MAX = 50
#: A window ends after the entry with which it has read so much.
WINDOW_BYTES = 1024 * 1024

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
    since_ms: int = 0
    """The last sign of life of its owner, on the server's clock."""


@dataclass(frozen=True, slots=True)
class Window:
    """What one look at a pending list showed, and the clocks at that moment."""

    seen: Sighting
    rows: list[Lapsed]


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a claim brought: jobs to run, and jobs that died of it."""

    deliveries: list[Delivery]
    dead: list[Lapsed]


async def sweep(
    server: Server, keys: Keys, *, lease_ms: int, owner: str = ""
) -> AsyncIterator[Window]:
    """Every lapsed entry of the partition, window by window, most urgent stream first.

    One window covers all levels, where they hold less than a window has rows.

    With *owner* only the entries of that consumer.
    """
    level, cursor = 1, "-"
    while level:
        sent_s = time.monotonic()
        level, following, rows, now_ms = await server.run(
            _WINDOW,
            keys={**keys.streams, "gate": keys.gate},
            args={
                "level": level,
                "cursor": cursor,
                "count": WINDOW_ROWS,
                "lapsed_max": CLAIM_MAX,
                "bytes_max": WINDOW_BYTES,
                "lease_ms": lease_ms,
                "owner": owner,
            },
        )
        seen = Sighting(now_ms, sent_s, time.monotonic())
        yield Window(seen, [_lapsed(now_ms, *row) for row in rows])
        cursor = following.decode()


async def claim(
    server: Server,
    keys: Keys,
    consumer: str,
    lapsed: Sequence[Lapsed],
    retention: Retention,
    *,
    suspects_max: int = CLAIM_MAX,
) -> Claimed:
    """Take over *lapsed* entries that nobody has renewed or claimed since they were seen.

    Of suspects no more than *suspects_max* are taken; the others stay as they are, as does
    what belongs to a paused level.

    A loss is charged to the job, except where its owner was nobody or *consumer* itself.
    The eighth loss of a suspect, which runs alone, is its end: cause `poison`.

    Raises:
        ValueError: more than `CLAIM_MAX` entries.
    """
    if len(lapsed) > CLAIM_MAX:
        raise ValueError(f"one call takes {CLAIM_MAX} entries, got {len(lapsed)}")
    answers = await server.run(
        _CLAIM,
        keys={
            **keys.streams,
            "dead": keys.dead,
            "cancel": keys.cancel,
            "events": keys.events,
            "watchers": keys.watchers,
            "counters": keys.counters,
            "gate": keys.gate,
        },
        args={
            "consumer": consumer,
            "lease_ms": retention.lease_ms,
            "dead_ttl_ms": retention.dead_ttl_ms,
            "suspects_max": suspects_max,
        },
        rows=[_row(keys, each) for each in lapsed],
    )
    claimed = Claimed([], [])
    for each, (code, *told) in zip(lapsed, answers, strict=True):
        if code == _CLAIMED:
            deliveries, losses, fields = told
            entry = each.entry.encode()
            claimed.deliveries.append(
                delivery_of(consumer, each.level, entry, deliveries, fields, losses=losses)
            )
        elif code == _DEAD:
            claimed.dead.append(each)
    return claimed


def _lapsed(
    now_ms: int,
    level: int,
    entry: bytes,
    owner: bytes,
    idle_ms: int,
    deliveries: int,
    id_: bytes,
    unique: bytes,
) -> Lapsed:
    place, job_id = entry.decode(), id_.decode(errors="replace")
    try:
        require_id(job_id)
    except InvalidJobError:
        job_id = derived_id(LEVELS[level - 1], place)
    return Lapsed(
        level=level,
        entry=place,
        owner=owner.decode(),
        idle_ms=idle_ms,
        deliveries=deliveries,
        id=job_id,
        unique=unique.decode(errors="replace"),
        since_ms=now_ms - idle_ms,
    )


def _row(keys: Keys, each: Lapsed) -> Row:
    return (
        (keys.job(each.id), keys.history(each.id), keys.unique(each.unique)),
        (
            each.level,
            each.entry,
            each.owner,
            each.deliveries,
            each.since_ms,
            each.id,
            each.unique,
        ),
    )
