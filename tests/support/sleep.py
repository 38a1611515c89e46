"""The sleep of an idle consumer, over a connection of its own."""

from collections.abc import Collection

from redis.asyncio import Redis

from streams.fetch import wait_for_one
from streams.job import Delivery
from streams.keys import Keys
from streams.lane import Lane
from streams.priority import LEVELS, Priority


async def taken_in_sleep(
    client: Redis,
    keys: Keys,
    consumer: str,
    *,
    block_ms: int,
    levels: Collection[Priority] = LEVELS,
) -> Delivery | None:
    """What the sleep ends with."""
    async with Lane.open(client, reply_timeout_s=block_ms / 1000 + 5) as lane:
        return await wait_for_one(lane, keys, consumer, block_ms=block_ms, levels=levels)
