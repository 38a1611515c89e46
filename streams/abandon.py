"""Giving up what a consumer has, without waiting for its lease."""

from collections.abc import Sequence
from dataclasses import dataclass

from streams.claim import Lapsed, sweep
from streams.keys import Keys
from streams.scripts.loader import Row, load
from streams.server import Server
from streams.settle import Retention

#: Entries in one call: 1.2 ms of the server.
ABANDON_MAX = 50

_ABANDON = load("abandon")
_BACK, _DEAD = 1, 2


@dataclass(frozen=True, slots=True)
class Abandoned:
    """What became of the entries that were still the consumer's."""

    handed_back: list[Lapsed]
    """Anybody may take them now; suspects only who can run them alone."""
    dead: list[Lapsed]
    """This loss was one too many, or the body is gone."""


async def owned_rows(server: Server, keys: Keys, consumer: str) -> list[Lapsed]:
    """Every pending entry of *consumer*, most urgent first, however long it was silent."""
    windows = sweep(server, keys, lease_ms=0, owner=consumer)
    return [row async for window in windows for row in window.rows]


async def abandon(
    server: Server,
    keys: Keys,
    consumer: str,
    rows: Sequence[Lapsed],
    retention: Retention,
    *,
    cause: str = "",
    released: str = "",
) -> Abandoned:
    """Hand *rows* back, as far as they are still *consumer*'s at the same delivery count.

    With a *cause* (`killed by SIGKILL`) the process of *consumer* has ended, and each job is
    charged with a loss, as `streams.claim.claim` does it. With *released* it has ended
    because it was told to: that stands in the history and costs nothing. With neither nobody
    was lost: the answer to a read never arrived. The same call may be repeated.
    """
    abandoned = Abandoned([], [])
    for at in range(0, len(rows), ABANDON_MAX):
        chunk = rows[at : at + ABANDON_MAX]
        codes = await server.run(
            _ABANDON,
            keys={
                **keys.streams,
                "dead": keys.dead,
                "cancel": keys.cancel,
                "events": keys.events,
                "watchers": keys.watchers,
                "counters": keys.counters,
                "wake": keys.wake,
            },
            args={
                "consumer": consumer,
                "cause": cause,
                "released": released,
                "lease_ms": retention.lease_ms,
                "dead_ttl_ms": retention.dead_ttl_ms,
            },
            rows=[_row(keys, each) for each in chunk],
        )
        for each, code in zip(chunk, codes, strict=True):
            if code == _BACK:
                abandoned.handed_back.append(each)
            elif code == _DEAD:
                abandoned.dead.append(each)
    return abandoned


def _row(keys: Keys, each: Lapsed) -> Row:
    return (
        (keys.job(each.id), keys.history(each.id), keys.unique(each.unique)),
        (each.level, each.entry, each.deliveries, each.id, each.unique),
    )
