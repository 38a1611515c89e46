"""Jobs that wait for their time."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from redis.asyncio import Redis

from streams.keys import Keys
from streams.scripts.loader import Row, load
from streams.server import Server
from streams.settle import Retention

#: Jobs moved in one call.
PROMOTE_MAX = 100

#: Before any entry of the stream that tells workers to look.
FROM_THE_FIRST = "0-0"

_DUE = load("due")
_PROMOTE = load("promote")
_PROMOTED = 1


async def promote_due(server: Server, keys: Keys, retention: Retention) -> tuple[int, int | None]:
    """Move up to `PROMOTE_MAX` due jobs into their streams; end those that have expired.

    Returns how many were moved, and the milliseconds until the next one is due: 0 where
    more is due already, None where nothing waits.
    """
    ids, next_ms = await server.run(
        _DUE, keys={"delayed": keys.delayed}, args={"count": PROMOTE_MAX}
    )
    wait_ms = next_ms if next_ms >= 0 else None
    if not ids:
        return 0, wait_ms
    names = [id_.decode() for id_ in ids]
    slots = await held_slots(server, keys, names)
    codes = await server.run(
        _PROMOTE,
        keys={
            **keys.streams,
            "delayed": keys.delayed,
            "dead": keys.dead,
            "events": keys.events,
            "watchers": keys.watchers,
            "counters": keys.counters,
        },
        args={"ended_ttl_ms": retention.ended_ttl_ms, "dead_ttl_ms": retention.dead_ttl_ms},
        rows=[arrival_row(keys, name, slot) for name, slot in zip(names, slots, strict=True)],
    )
    moved = sum(code == _PROMOTED for code in codes)
    return moved, 0 if len(names) == PROMOTE_MAX else wait_ms


async def held_slots(server: Server, keys: Keys, names: Sequence[str]) -> list[str]:
    """The unique slots that jobs hold, to be declared: a job without a body opens its own."""
    async with server.client.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.hget(keys.job(name), "unique")
        slots: list[bytes | None] = await pipe.execute()
    return [(slot or b"").decode(errors="replace") for slot in slots]


def arrival_row(keys: Keys, name: str, slot: str) -> Row:
    """What a script needs of one job that comes into its stream."""
    return (
        (keys.job(name), keys.body(name), keys.history(name), keys.unique(slot)),
        (name, slot),
    )


class Soon(NamedTuple):
    """What a worker that listened has heard: where to listen on, and when a job is due."""

    heard: str
    due_in_ms: int | None


async def hear_of_soon(client: Redis, keys: Keys, heard: str, *, block_ms: int) -> Soon:
    """Sleep until there is something to look at that no other read of a worker ends by.

    That is a job which is due within three seconds, jobs that were handed back, and the end of
    a pause. A plain read, which takes nothing: every worker hears of it, and it may be cancelled.
    """
    reply: Any = await client.xread({keys.wake: heard}, count=1, block=block_ms)
    if not reply:
        return Soon(heard, None)
    [(_, [(entry, fields)])] = reply
    return Soon(entry.decode(), int(fields[b"due_in_ms"]))
