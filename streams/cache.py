"""Bytes under a name, for a while: where finished work is kept for its readers.

The cache may live on a server of its own, because a queue must never evict and a cache
should. Nothing here belongs to a job; a lost entry costs a new render and no more.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple, Protocol

from redis.asyncio import Redis

from streams.scripts.loader import load
from streams.server import Server

#: A single value above this size is refused: it would push out thousands of tiles.
VALUE_BYTES_MAX = 16 * 1024 * 1024


_KEEP = load("keep")


class Order(NamedTuple):
    """Which of two results is the newer: that of the later job, or of its later delivery."""

    born_ms: int
    """When the job was born, on the server's clock."""
    fence: int
    """Grows with every delivery of one job."""


class Entry(NamedTuple):
    """A value, its name, and for how long it is kept."""

    name: str
    value: bytes
    ttl: timedelta


class Cache(Protocol):
    """What handlers and gateways need of a cache."""

    async def get(self, name: str) -> bytes | None:
        """The bytes under *name*, or None."""
        ...

    async def put(self, name: str, value: bytes, ttl: timedelta) -> None:
        """Keep *value* under *name* for *ttl*."""
        ...

    async def put_many(self, entries: Sequence[Entry]) -> None:
        """Keep all of them, in one round trip."""
        ...

    async def put_newest(self, name: str, value: bytes, ttl: timedelta, order: Order) -> bool:
        """Keep *value* under *name* for *ttl*; False where something newer is there.

        Only compared with what was kept by this call. For what another delivery of the
        same job, or another job, may write too: `Context.order` says which is the newer.
        """
        ...


class RedisCache:
    """A `Cache` in Redis: one string a name, each with a time to live."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._server = Server(client)

    async def get(self, name: str) -> bytes | None:
        """The bytes under *name*, or None."""
        value: Any = await self._client.get(name)
        return None if value is None else bytes(value)

    async def get_many(self, names: Sequence[str]) -> list[bytes | None]:
        """The bytes under each of *names*, in one round trip."""
        if not names:
            return []
        values: Any = await self._client.mget(names)
        return list(values)

    async def put(self, name: str, value: bytes, ttl: timedelta) -> None:
        """Keep *value* under *name* for *ttl*.

        Raises:
            ValueError: the value is larger than `VALUE_BYTES_MAX`, or the time is not
                positive.
        """
        await self._client.psetex(name, _checked_ttl_ms(value, ttl), value)

    async def put_many(self, entries: Sequence[Entry]) -> None:
        """Keep all of them, in one round trip and not as one: after an error some may be there.

        Raises:
            ValueError: as for `put`, for any of them; none has been written then.
        """
        if not entries:
            return
        checked = [(each, _checked_ttl_ms(each.value, each.ttl)) for each in entries]
        pipeline = self._client.pipeline(transaction=False)
        for each, ttl_ms in checked:
            pipeline.psetex(each.name, ttl_ms, each.value)
        await pipeline.execute()

    async def put_newest(self, name: str, value: bytes, ttl: timedelta, order: Order) -> bool:
        """Keep *value* under *name* for *ttl*; False where something newer is there.

        What it is compared with lies under a name of its own, in the same slot of a cluster
        (unless *name* has braces).

        Raises:
            ValueError: as for `put`.
        """
        kept = await self._server.run(
            _KEEP,
            keys={"name": name, "order": f"millstream:order:{{{name}}}"},
            args={
                "value": value,
                "ttl_ms": _checked_ttl_ms(value, ttl),
                "born_ms": order.born_ms,
                "fence": order.fence,
            },
        )
        return bool(kept)


def _checked_ttl_ms(value: bytes, ttl: timedelta) -> int:
    if len(value) > VALUE_BYTES_MAX:
        raise ValueError(f"a cached value may have {VALUE_BYTES_MAX} bytes, got {len(value)}")
    ttl_ms = round(ttl.total_seconds() * 1000)
    if ttl_ms <= 0:
        raise ValueError(f"a cached value needs a positive time to live, got {ttl}")
    return ttl_ms
