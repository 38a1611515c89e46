"""Streams and groups: made once, made again, and known to be gone."""

from dataclasses import replace

import anyio
import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from streams.groups import ensure_groups
from streams.keys import GROUP, Keys
from streams.priority import Priority
from streams.trouble import is_group_lost
from tests.support.queues import QueueUnderTest, job
from tests.support.sleep import taken_in_sleep

pytestmark = pytest.mark.leaves_jobs


async def test_groups_are_made_once(client: Redis) -> None:
    keys = Keys("test")

    made = await ensure_groups(client, keys)
    again = await ensure_groups(client, keys)

    assert (made.created, made.streams_missing) == (4, 4)
    assert (again.created, again.streams_missing) == (0, 0)
    assert made.generation == again.generation != ""


async def test_only_what_is_missing_is_made(queue: QueueUnderTest) -> None:
    await queue.client.delete(queue.keys.stream(Priority.LOW))
    await queue.client.xgroup_destroy(queue.keys.stream(Priority.HIGH), GROUP)

    found = await ensure_groups(queue.client, queue.keys)

    assert (found.created, found.streams_missing) == (2, 1)


async def test_a_queue_that_was_flushed_is_another_one(queue: QueueUnderTest) -> None:
    before = await ensure_groups(queue.client, queue.keys)
    await queue.client.flushdb()

    after = await ensure_groups(queue.client, queue.keys)

    assert (after.created, after.streams_missing) == (4, 4)
    assert after.generation != before.generation


async def test_workers_agree_on_the_generation(queue: QueueUnderTest) -> None:
    await queue.client.flushdb()
    found: list[str] = []

    async def ensure() -> None:
        found.append((await ensure_groups(queue.client, queue.keys)).generation)

    async with anyio.create_task_group() as workers:
        for _ in range(5):
            workers.start_soon(ensure)

    assert len(set(found)) == 1


async def test_where_nothing_is_missing_nothing_is_written(queue: QueueUnderTest) -> None:
    """Or no worker could start on a server that is full, and nothing would ever drain it."""
    known = await ensure_groups(queue.client, queue.keys)
    before = await queue.client.info("commandstats")

    assert await ensure_groups(queue.client, queue.keys) == replace(known, created=0)

    after = await queue.client.info("commandstats")
    written = {name for name in after if after[name] != before.get(name)}
    assert written == {
        "cmdstat_xpending",
        "cmdstat_hget",
        "cmdstat_info",
    }


async def test_a_group_that_is_there_keeps_its_place(queue: QueueUnderTest) -> None:
    await queue.add(job(id="a"), job(id="b"))
    await queue.fetch_one()

    await ensure_groups(queue.client, queue.keys)

    assert (await queue.fetch_one()).id == "b"


async def test_a_recreated_group_starts_at_the_beginning(queue: QueueUnderTest) -> None:
    """Better a job twice than a job never."""
    await queue.add(job(id="a"))
    await queue.fetch_one()
    await queue.client.xgroup_destroy(queue.keys.stream(Priority.NORMAL), GROUP)

    await ensure_groups(queue.client, queue.keys)

    assert (await queue.fetch_one()).id == "a"


async def test_a_key_of_another_type_is_an_error_and_not_a_loop(queue: QueueUnderTest) -> None:
    stream = queue.keys.stream(Priority.CRITICAL)
    await queue.client.delete(stream)
    await queue.client.set(stream, "x")

    with pytest.raises(ResponseError, match="WRONGTYPE"):
        await ensure_groups(queue.client, queue.keys)


async def test_a_lost_group_is_told_from_other_errors(queue: QueueUnderTest) -> None:
    await queue.client.flushdb()
    errors: list[BaseException] = []
    for attempt in (
        queue.fetch(),
        taken_in_sleep(queue.client, queue.keys, "one", block_ms=1),
    ):
        with pytest.raises(ResponseError) as raised:
            await attempt
        errors.append(raised.value)
    await queue.client.set(queue.keys.stream(Priority.CRITICAL), "x")
    with pytest.raises(ResponseError) as wrong_type:
        await queue.fetch()

    assert [is_group_lost(error) for error in errors] == [True, True]
    assert not is_group_lost(wrong_type.value)
    assert not is_group_lost(RedisConnectionError("NOGROUP"))
