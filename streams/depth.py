"""How much a queue holds, in one round trip."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from redis.exceptions import ResponseError

from streams.groups import GENERATION
from streams.keys import GROUP, NOBODIES, Keys
from streams.priority import LEVELS, Priority
from streams.server import Server
from streams.trouble import is_group_lost


@dataclass(frozen=True, slots=True)
class LevelDepth:
    """What one stream holds."""

    waiting: int
    """Jobs that no consumer has: new, or handed back."""
    active: int
    """Jobs that a consumer has."""


@dataclass(frozen=True, slots=True)
class Depth:
    """What a queue holds, and what has become of jobs so far."""

    levels: Mapping[Priority, LevelDepth]
    delayed: int
    dead: int
    """Dead letters that were neither replayed nor deleted."""
    totals: Mapping[str, int]
    """How often what happened, since the queue began."""

    @property
    def waiting(self) -> int:
        """Over all levels."""
        return sum(level.waiting for level in self.levels.values())

    @property
    def active(self) -> int:
        """Over all levels."""
        return sum(level.active for level in self.levels.values())

    @property
    def undone(self) -> int:
        """Jobs that have not ended."""
        return self.waiting + self.active + self.delayed


async def read_depth(server: Server, keys: Keys) -> Depth:
    """Look at one partition; writes nothing.

    Raises:
        RedisError: what the server or the network says.
    """
    client: Any = server.client
    async with client.pipeline(transaction=False) as pipe:
        for stream in keys.streams.values():
            pipe.xlen(stream)
            pipe.xpending(stream, GROUP)
        pipe.zcard(keys.delayed)
        pipe.xlen(keys.dead)
        pipe.hgetall(keys.counters)
        *streams, delayed, dead, counters = await pipe.execute(raise_on_error=False)
    for answer in (*streams, delayed, dead, counters):
        if isinstance(answer, Exception) and not is_group_lost(answer):
            raise answer
    return Depth(
        {
            level: _level(length, pending)
            for level, length, pending in zip(LEVELS, streams[::2], streams[1::2], strict=True)
        },
        delayed,
        dead,
        {
            name.decode(): int(value)
            for name, value in sorted(counters.items())
            if name != GENERATION.encode()
        },
    )


def _level(length: int, pending: Any) -> LevelDepth:
    """A stream without its group has nothing in hand."""
    if isinstance(pending, ResponseError):
        return LevelDepth(length, 0)
    back = sum(
        int(row["pending"])
        for row in pending["consumers"] or ()
        if row["name"].decode(errors="replace") in NOBODIES
    )
    active = pending["pending"] - back
    return LevelDepth(max(0, length - active), active)
