"""Who has what."""

from typing import Any

from redis.asyncio import Redis

from streams.keys import GROUP
from tests.consumers.support.fleet import KEYS


async def owners(client: Redis) -> dict[str, str]:
    """Entry to consumer, of all that is pending in the queue of the fleet."""
    found: dict[str, str] = {}
    for stream in KEYS.streams.values():
        rows: Any = await client.xpending_range(stream, GROUP, "-", "+", 1000)
        found |= {row["message_id"].decode(): row["consumer"].decode() for row in rows}
    return found
