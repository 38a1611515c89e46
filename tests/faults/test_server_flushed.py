"""Streams that vanish under a worker: it says so loudly, and goes on with what comes."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from redis.asyncio import Redis

from producers.client import Producer
from streams.embedded import EmbeddedServer
from streams.groups import GENERATION
from streams.keys import GROUP
from tests.consumers.support.fleet import KEYS, Fleet, WorkerProcess, until_idle
from tests.consumers.support.kinds import Note
from tests.support.waiting import wait_until

METRICS = {"MILLSTREAM_WORKER_METRICS_PORT": "0"}
LEASE_MS = 2_000


@pytest.fixture
async def client(own_server: EmbeddedServer) -> AsyncIterator[Redis]:
    async with Redis.from_url(own_server.url) as client:
        yield client


@pytest.fixture
async def jobs(own_server: EmbeddedServer) -> AsyncIterator[Producer]:
    async with Producer.connect(own_server.url, queue="work") as producer:
        yield producer


async def flush(client: Redis) -> None:
    await client.flushdb()


async def delete(client: Redis) -> None:
    await client.delete(KEYS.streams["critical"])


async def losses_counted(worker: WorkerProcess) -> float:
    _, metrics = await worker.get("/metrics")
    name = "millstream_queue_data_lost_total"
    [line] = [each for each in metrics.splitlines() if each.startswith(name)]
    return float(line.split()[-1])


@pytest.mark.parametrize("vanish", [flush, delete])
async def test_streams_that_vanish_under_a_blocked_read_are_missed_loudly(
    fleet: Fleet,
    own_server: EmbeddedServer,
    client: Redis,
    jobs: Producer,
    vanish: Callable[[Redis], Awaitable[None]],
) -> None:
    """A log line, a metric that stands, and readiness that is red for a lease."""
    worker = await fleet.start(own_server.url, lease_ms=LEASE_MS, environment=METRICS)
    await jobs.enqueue(Note(), id="before")
    await until_idle(client)

    await vanish(client)
    lost = await worker.says("queue_data_lost")

    async def says_so() -> bool:
        status, body = await worker.get("/ready")
        return status == 503 and "the data of the queue 'work' was lost" in body

    await wait_until(says_so, "readiness is red")
    assert lost["level"] == "error"
    assert await losses_counted(worker) == 1
    await jobs.enqueue(Note(), id="after", priority="critical")
    await until_idle(client)
    assert fleet.effects.jobs("end") == ["before", "after"]

    async def is_green() -> bool:
        return await worker.get("/ready") == (200, "ok\n")

    await wait_until(is_green, "readiness is green again")
    assert await losses_counted(worker) == 1


async def test_a_group_that_is_destroyed_is_made_again_from_the_beginning(
    fleet: Fleet, own_server: EmbeddedServer, client: Redis, jobs: Producer
) -> None:
    """Never from the end: what is in the stream is delivered. Nothing is lost by that."""
    worker = await fleet.start(own_server.url, lease_ms=LEASE_MS, environment=METRICS)
    async with client.pipeline(transaction=True) as pipe:
        pipe.xgroup_destroy(KEYS.streams["normal"], GROUP)
        pipe.xadd(KEYS.streams["normal"], {"kind": "test.note", "payload": "{}", "id": "between"})
        await pipe.execute()
    recreated = await worker.says("groups_recreated")
    await until_idle(client)

    assert (recreated["created"], recreated["streams_missing"]) == (1, 0)
    assert fleet.effects.jobs("end") == ["between"]
    assert worker.events("queue_data_lost") == []
    assert (await jobs.get("between")).losses == 0


async def test_every_worker_misses_a_queue_that_another_one_has_made_again(
    fleet: Fleet, own_server: EmbeddedServer, client: Redis
) -> None:
    """The second one meets no error at all: only the generation tells it."""
    workers = [
        await fleet.start(own_server.url, name, lease_ms=LEASE_MS) for name in ("one", "two")
    ]
    known = await client.hget(KEYS.counters, GENERATION)
    async with client.pipeline(transaction=True) as pipe:
        pipe.flushdb()
        for stream in KEYS.streams.values():
            pipe.xgroup_create(stream, GROUP, id="0", mkstream=True)
        await pipe.execute()

    for worker in workers:
        lost = await worker.says("queue_data_lost")
        assert str(lost["known_generation"]).encode() == known
        assert lost["generation"] != lost["known_generation"]
