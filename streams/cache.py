"""Bytes under a name, for a while: where finished work is kept for its readers.

The cache may live on a server of its own, because a queue must never evict and a cache
should. Nothing here belongs to a job; a lost entry costs a new render and no more.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Protocol

from redis.asyncio import Redis

#: A single value above this size is refused: it would push out thousands of tiles.
VALUE_BYTES_MAX = 16 * 1024 * 1024


class Cache(Protocol):
    """What handlers and gateways need of a cache."""

    async def get(self, name: str) -> bytes | None:
        """The bytes under *name*, or None."""
        ...

    async def put(self, name: str, value: bytes, ttl: timedelta) -> None:
        """Keep *value* under *name* for *ttl*."""
        ...


class RedisCache:
    """A `Cache` in Redis: one string a name, each with a time to live."""

    def __init__(self, client: Redis) -> None:
        self._client = client

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
        if len(value) > VALUE_BYTES_MAX:
            raise ValueError(f"a cached value may have {VALUE_BYTES_MAX} bytes, got {len(value)}")
        ttl_ms = round(ttl.total_seconds() * 1000)
        if ttl_ms <= 0:
            raise ValueError(f"a cached value needs a positive time to live, got {ttl}")
        await self._client.psetex(name, ttl_ms, value)
