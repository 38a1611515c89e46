"""Taking jobs: by priority, and waiting for the next one when there is none."""

import asyncio
from collections.abc import Collection
from typing import Any, NamedTuple

from streams.entry import decode_entry
from streams.gate import levels_of
from streams.job import Delivery, Token
from streams.keys import GROUP, NOBODY, Keys
from streams.lane import Lane
from streams.priority import LEVELS, Priority
from streams.scripts.loader import load
from streams.server import Server

#: Jobs in one fetch.
FETCH_MAX = 100
#: Of so many jobs of a consumer, at least one comes from each level that has work.
GUARANTEE_WINDOW = 30

_FETCH = load("fetch")


class Fetched(NamedTuple):
    """What one fetch brought."""

    deliveries: list[Delivery]
    due_in_ms: int | None
    """Until the next delayed job is due; None where none waits."""
    paused: tuple[Priority, ...]
    """Levels of which nothing is handed out."""
    server_ms: int
    """What the server's clock showed."""
    is_watched: bool = False
    """Somebody wants to hear of jobs that are taken: `streams.events.tell_started`."""
    queued: int = 0
    """Jobs that wait for their tenant's turn: `streams.backlog.admit`."""


async def fetch(server: Server, keys: Keys, consumer: str, *, slots: int, served: int) -> Fetched:
    """Take up to *slots* jobs that are there; never waits.

    *served* is how many jobs this consumer has taken before: every tenth one comes from a
    lower level first, so that a level with work waits for at most `GUARANTEE_WINDOW`
    jobs of a consumer. Jobs that were handed back come before all others, beside that bound.
    """
    due_in_ms, rows, paused, server_ms, is_watched, queued = await server.run(
        _FETCH,
        keys={
            **keys.streams,
            "delayed": keys.delayed,
            "backlog": keys.backlog,
            "watchers": keys.watchers,
            "gate": keys.gate,
        },
        args={"consumer": consumer, "slots": min(slots, FETCH_MAX), "served": served},
    )
    deliveries = [
        delivery_of(consumer, level, entry, deliveries, fields)
        for level, entry, deliveries, fields in rows
    ]
    wait_ms = due_in_ms if due_in_ms >= 0 else None
    return Fetched(deliveries, wait_ms, levels_of(paused), server_ms, bool(is_watched), queued)


async def wait_for_one(
    lane: Lane,
    keys: Keys,
    consumer: str,
    *,
    block_ms: int,
    levels: Collection[Priority] = LEVELS,
) -> Delivery | None:
    """Sleep until a job arrives in one of *levels*, and take it; None after *block_ms*.

    Over a lane of its own, because nothing else on it is answered meanwhile.
    This is the wake-up of an idle consumer. A blocked read is served by whichever stream
    gets an entry first, so it says nothing about priority: fetch before waiting.
    Jobs that came into several streams since then are handed over together; all but the
    most urgent one are handed back, as are those of a level that was paused meanwhile.
    """
    names = list(keys.streams.values())
    wanted = [keys.stream(level) for level in LEVELS if level in levels]
    reply: Any
    held: Any
    reading, looking = await lane.calls(
        [
            *("XREADGROUP", "GROUP", GROUP, consumer, "COUNT", 1, "BLOCK", block_ms),
            *("STREAMS", *wanted, *([">"] * len(wanted))),
        ],
        # Answered right after the read has ended: a pause that came in between is seen.
        ["HGET", keys.gate, "paused"],
    )
    # Both have an answer, or an error, of their own: neither is left behind unheard.
    reply, held = await asyncio.gather(reading, looking, return_exceptions=True)
    for answer in (reply, held):
        if isinstance(answer, BaseException):
            raise answer
    paused = [level.level for level in levels_of(held)]
    taken: Delivery | None = None
    for stream, [(entry, fields)] in _by_stream(reply):
        level = names.index(stream.decode()) + 1
        if taken is None and level not in paused:
            taken = delivery_of(consumer, level, entry, 1, fields)
        else:
            await lane.call(("XCLAIM", stream, GROUP, NOBODY, 0, entry, "JUSTID"))
    return taken


def _by_stream(reply: Any) -> list[tuple[bytes, Any]]:
    """What a read has brought: a map in the third version of the protocol, pairs before."""
    if isinstance(reply, dict):
        return list(reply.items())
    return list(reply or ())


def delivery_of(
    consumer: str,
    level: int,
    entry: bytes,
    deliveries: int,
    fields: Any,
    *,
    losses: int | None = None,
) -> Delivery:
    """Read one row of an answer that hands an entry to *consumer*."""
    token = Token(level, entry.decode(), consumer, deliveries)
    return decode_entry(token, fields, losses=losses)
