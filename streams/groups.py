"""The consumer group of each stream.

It starts at `0`: with `$`, jobs that arrived before the first worker would be skipped.
"""

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from streams.keys import GROUP, Keys


async def ensure_groups(client: Redis, keys: Keys) -> int:
    """Create what is missing of streams and groups; return how many were created."""
    created = 0
    for stream in keys.streams.values():
        try:
            await client.xgroup_create(stream, GROUP, id="0", mkstream=True)
            created += 1
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise
    return created


def is_group_lost(error: BaseException) -> bool:
    """True where *error* says that a stream or its group is gone (flush, failover).

    6.2 wraps the errors of a script's commands into a sentence of its own.
    """
    text = str(error)
    return isinstance(error, ResponseError) and ("NOGROUP" in text or "UNBLOCKED" in text)
