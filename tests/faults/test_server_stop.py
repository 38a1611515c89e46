"""SIGTERM while the worker sleeps in a blocked read: it is woken, and takes nothing along."""

import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
from redis.asyncio import Redis

from producers.client import Producer
from streams.lane import Lane
from streams.wakeup import Sleeper
from tests.consumers.support.fleet import Fleet, report, until_idle
from tests.consumers.support.kinds import Note
from tests.faults.support.pending import owners
from tests.faults.support.unheard import unheard_job
from tests.support.proxy import Mode, Proxy
from tests.support.queues import QueueUnderTest, job
from tests.support.waiting import wait_until

#: Nobody waits for so long in these tests: a read that is not woken would be noticed.
LONG_MS = 60_000


@asynccontextmanager
async def read_lane(url: str) -> AsyncGenerator[Lane]:
    async with Redis.from_url(url) as client, Lane.open(client, reply_timeout_s=60) as lane:
        yield lane


async def blocked(client: Redis) -> bool:
    clients = await client.client_list()
    return any("b" in each["flags"] for each in clients)


async def test_a_blocked_read_is_woken_and_has_taken_nothing(client: Redis, redis_url: str) -> None:
    queue = QueueUnderTest(client)
    await queue.open()
    woken: list[object] = []
    async with (
        Redis.from_url(redis_url) as reading,
        Lane.open(reading, reply_timeout_s=60) as reader,
    ):
        sleeper = Sleeper(reader, client, queue.keys, "one")

        async def sleep() -> None:
            woken.append(await sleeper.sleep(block_ms=LONG_MS))

        async with anyio.create_task_group() as sleeping:
            sleeping.start_soon(sleep)
            await wait_until(lambda: blocked(client), "it sleeps")
            await sleeper.wake()

    assert woken == [None]
    assert await queue.pending() == []


async def test_waking_nobody_does_nothing(client: Redis, redis_url: str) -> None:
    queue = QueueUnderTest(client)
    await queue.open()
    async with (
        Redis.from_url(redis_url) as reading,
        Lane.open(reading, reply_timeout_s=60) as reader,
    ):
        sleeper = Sleeper(reader, client, queue.keys, "one")
        await sleeper.wake()
        assert await sleeper.sleep(block_ms=1) is None
        await sleeper.wake()


async def test_who_is_woken_takes_a_job_that_was_quicker(client: Redis, redis_url: str) -> None:
    queue = QueueUnderTest(client)
    await queue.open()
    taken: list[str] = []
    async with (
        Redis.from_url(redis_url) as reading,
        Lane.open(reading, reply_timeout_s=60) as reader,
    ):
        sleeper = Sleeper(reader, client, queue.keys, "one")

        async def sleep() -> None:
            delivery = await sleeper.sleep(block_ms=LONG_MS)
            assert delivery is not None
            taken.append(delivery.id)

        async with anyio.create_task_group() as sleeping:
            sleeping.start_soon(sleep)
            await wait_until(lambda: blocked(client), "it sleeps")
            await queue.add(job(id="quick"))
            await sleeper.wake()

    assert taken == ["quick"]
    [delivery] = [(entry, owner) for entry, owner, _ in await queue.pending()]
    assert delivery[1] == "one"
    await client.flushdb()


async def test_an_idle_worker_that_is_told_to_stop_stops_and_leaves_nothing(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str
) -> None:
    worker = await fleet.start(redis_url)
    await wait_until(lambda: blocked(client), "it sleeps")
    worker.send(signal.SIGTERM)
    assert await anyio.to_thread.run_sync(worker.program.wait) == 0

    await jobs.enqueue(Note(), id="after")
    assert await owners(client) == {}
    assert (await report(client)).consumers == ()
    assert worker.events("fetch_failed") == []
    await fleet.start(redis_url, "next")
    await until_idle(client)
    assert fleet.effects.jobs("end") == ["after"]


async def test_a_job_that_was_read_when_the_worker_was_told_to_stop_is_handed_back(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str
) -> None:
    """Its answer was lost at the worst moment: before it leaves, the worker compares."""
    async with Proxy(redis_url) as proxy:
        worker, unheard = await unheard_job(fleet, jobs, client, proxy, Mode.DROP_REPLIES)
        worker.send(signal.SIGTERM)
        assert await anyio.to_thread.run_sync(worker.program.wait) == 0

        assert [*(await owners(client)).values()] == ["-"]
        assert (await report(client)).consumers == ()
    await fleet.start(redis_url, "next")
    await until_idle(client)
    assert (await jobs.get(unheard)).losses == 0
