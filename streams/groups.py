"""The consumer group of each stream, and the sign by which a queue is known again.

A group starts at `0`: with `$`, jobs that arrived before the first worker would be skipped.
"""

from dataclasses import dataclass
from secrets import randbelow
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from streams.keys import GROUP, Keys
from streams.trouble import Trouble, is_group_lost, trouble_of

#: The field of the counters that holds the generation. Whoever reads the counters as
#: numbers reads a number here too.
GENERATION = "generation"
#: So many generations can be told apart; Lua and JSON keep every one of them exact.
_GENERATIONS = 2**53


@dataclass(frozen=True, slots=True)
class Groups:
    """What was found, and made, of streams and groups."""

    generation: str
    """Random, written once when a queue is made; empty where the server cannot write now.
    Another one than before means that everything else is gone too."""
    created: int
    """Groups that were missing and have been made."""
    streams_missing: int
    """Of those, groups whose stream was missing too, with the jobs in it."""


async def ensure_groups(client: Redis, keys: Keys) -> Groups:
    """Create what is missing of streams and groups; where nothing is, nothing is written.

    So a worker can start on a server that is full or cannot write to its disk.

    Raises:
        RedisError: what the server or the network says, for example that a stream's name
            is taken by something else.
    """
    streams = list(keys.streams.values())
    async with client.pipeline(transaction=False) as pipe:
        for stream in streams:
            pipe.xpending_range(stream, GROUP, "-", "+", 1)
        pipe.hget(keys.counters, GENERATION)
        *looks, generation = await pipe.execute(raise_on_error=False)
    created = streams_missing = 0
    for stream, group in zip(streams, looks, strict=True):
        if not isinstance(group, Exception):
            continue
        if not is_group_lost(group):
            raise group
        is_there = await client.exists(stream)
        if await _create(client, stream):
            created += 1
            streams_missing += not is_there
    if isinstance(generation, Exception):
        raise generation
    return Groups(await _generation(client, keys, generation), created, streams_missing)


async def _create(client: Redis, stream: str) -> bool:
    """False where another worker was quicker."""
    try:
        await client.xgroup_create(stream, GROUP, id="0", mkstream=True)
    except ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise
        return False
    return True


async def _generation(client: Redis, keys: Keys, found: bytes | None) -> str:
    """The generation, made where there is none: the first worker that writes it wins."""
    if not found:
        try:
            await client.hsetnx(keys.counters, GENERATION, str(randbelow(_GENERATIONS)))
        except ResponseError as error:
            if trouble_of(error) is not Trouble.PASSES:
                raise
            return ""
        written: Any = await client.hget(keys.counters, GENERATION)
        return (written or b"").decode()
    return found.decode()
