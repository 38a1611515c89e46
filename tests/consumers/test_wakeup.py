"""What an idle worker takes with it when it is woken."""

from redis.asyncio import Redis

from streams.fetch import fetch
from streams.groups import ensure_groups
from streams.priority import LEVELS
from streams.server import Server
from tests.consumers.support.fleet import KEYS
from tests.support.sleep import taken_in_sleep


async def test_of_jobs_in_many_streams_one_is_taken_and_none_is_left_to_its_lease(
    client: Redis,
) -> None:
    """They came between the last fetch and the read, which takes one from each stream."""
    await ensure_groups(client, KEYS)
    for level in LEVELS:
        await client.xadd(KEYS.stream(level), {"kind": level.value, "payload": "{}"})

    first = await taken_in_sleep(client, KEYS, "one", block_ms=1)
    assert first is not None
    assert first.kind == "critical"
    others, *_ = await fetch(Server(client), KEYS, "two", slots=10, served=0)

    assert sorted(each.kind for each in others) == ["high", "low", "normal"]
    assert {each.token.consumer for each in others} == {"two"}
    await client.flushdb()
