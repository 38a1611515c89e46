"""How safe a job is before its sender is told that it was accepted."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from redis.asyncio import Redis

from producers.blocking import BlockingProducer
from producers.client import Producer
from producers.order import new_job
from producers.payloads.base import Payload
from streams.connection import open_client
from streams.durability import FAST, FSYNCED, Durability, Reached, replicated
from streams.embedded import EmbeddedServer
from streams.errors import DurabilityError, InvalidJobError
from streams.server import server_facts
from tests.support.queues import QueueUnderTest
from tests.support.waiting import wait_until

pytestmark = pytest.mark.leaves_jobs

SHORTLY = timedelta(milliseconds=1)
#: The first that knows WAITAOF.
KNOWS_ITS_DISK = (7, 2)


class Echo(Payload):
    """Says a number."""

    kind: ClassVar[str] = "test.echo"

    number: int = 0


@pytest.fixture
def replica(server_binary: Path, own_server: EmbeddedServer, tmp_path: Path) -> Iterator[str]:
    """The URL of a replica of `own_server`."""
    with EmbeddedServer(server_binary, tmp_path / "replica") as server:
        yield server.url
    assert own_server.url != server.url


@pytest.fixture
async def followed(own_server: EmbeddedServer, replica: str) -> AsyncIterator[Producer]:
    """A producer on a server that has one replica."""
    async with open_client(own_server.url) as first, open_client(replica) as second:
        await first.config_set("repl-diskless-sync-delay", 0)
        await second.replicaof("127.0.0.1", str(own_server.port))

        async def is_in_step() -> bool:
            return bool((await second.info("replication")).get("master_link_status") == "up")

        await wait_until(is_in_step, "the replica has all that its master has")
        async with Producer.connect(own_server.url, queue="test") as jobs:
            yield jobs
        # A master waits for its replicas when it is stopped.
        await second.replicaof("NO", "ONE")


async def calls_of(client: Redis, command: str) -> int:
    stats: Any = await client.info("commandstats")
    return int(stats.get(f"cmdstat_{command}", {"calls": 0})["calls"])


async def test_fast_asks_for_nothing_and_costs_nothing(
    jobs: Producer, queue: QueueUnderTest
) -> None:
    assert (await jobs.enqueue(Echo())).reached is None
    before = await queue.client.info("commandstats")

    answer = await jobs.enqueue(Echo(), durability=FAST)
    report = await jobs.enqueue_many([new_job(Echo())], durability=FAST)

    after = await queue.client.info("commandstats")
    assert (answer.reached, report.reached) == (None, None)
    assert set(after) == set(before)
    assert after["cmdstat_evalsha"]["calls"] - before["cmdstat_evalsha"]["calls"] == 2


async def test_a_replica_that_is_there_has_the_job_before_the_answer(
    followed: Producer, replica: str
) -> None:
    answer = await followed.enqueue(Echo(), id="a", durability=replicated(1))

    assert answer.is_new
    assert answer.reached == Reached(replicated(1), replicas=1)
    assert answer.reached.is_met
    async with open_client(replica) as second:
        assert await second.exists("millstream:{test:0}:job:a") == 1


async def test_one_that_was_there_before_is_as_safe_too(followed: Producer) -> None:
    await followed.enqueue(Echo(), id="a")

    answer = await followed.enqueue(Echo(), id="a", durability=replicated(1))

    assert not answer.is_new
    assert answer.reached is not None
    assert answer.reached.is_met


async def test_many_are_waited_for_once(followed: Producer, own_server: EmbeddedServer) -> None:
    report = await followed.enqueue_many(
        [new_job(Echo()) for _ in range(250)], durability=replicated(1)
    )

    assert report.accepted == 250
    assert report.reached == Reached(replicated(1), replicas=1)
    async with open_client(own_server.url) as client:
        assert await calls_of(client, "wait") == 1


async def test_what_was_not_reached_is_said_and_the_job_is_there(
    jobs: Producer, queue: QueueUnderTest
) -> None:
    """Nobody follows this server; the job runs all the same."""
    wanted = replicated(2, within=SHORTLY)

    answer = await jobs.enqueue(Echo(), id="a", durability=wanted)
    report = await jobs.enqueue_many([new_job(Echo(), id="b")], durability=wanted)

    assert answer.reached == report.reached == Reached(wanted, replicas=0)
    assert not answer.reached.is_met
    assert [each.id for each in await queue.fetch()] == ["a", "b"]


async def test_a_server_that_cannot_see_its_disk_says_so_before_anything_is_sent(
    jobs: Producer, queue: QueueUnderTest
) -> None:
    if (await server_facts(queue.client)).release >= KNOWS_ITS_DISK:
        pytest.skip("this one can, where it keeps an append-only file")
    before = await queue.contents()

    for send in (
        lambda: jobs.enqueue(Echo(), durability=FSYNCED),
        lambda: jobs.enqueue_many([new_job(Echo())], durability=FSYNCED),
    ):
        with pytest.raises(DurabilityError, match=r"needs Redis 7.2 or newer and an append-only"):
            await send()

    assert await queue.contents() == before


async def test_a_server_that_can_waits_for_its_disk(own_server: EmbeddedServer) -> None:
    async with open_client(own_server.url) as client:
        if (await server_facts(client)).release < KNOWS_ITS_DISK:
            pytest.skip("WAITAOF is there since Redis 7.2")
        await client.config_set("appendonly", "yes")
    async with Producer.connect(own_server.url, queue="test") as jobs:
        answer = await jobs.enqueue(Echo(), durability=FSYNCED)

    assert answer.reached == Reached(FSYNCED, fsynced=True)


async def test_a_full_queue_is_waited_for_by_nobody(redis_url: str) -> None:
    async with Producer.connect(redis_url, queue="test", length_max=1) as jobs:
        await jobs.enqueue(Echo())
        report = await jobs.enqueue_many(
            [new_job(Echo())], durability=replicated(1, within=SHORTLY)
        )

    assert report.refused == 1


def test_threads_may_ask_for_the_same(redis_url: str) -> None:
    wanted = replicated(1, within=SHORTLY)
    with BlockingProducer.connect(redis_url, queue="test") as jobs:
        answer = jobs.enqueue(Echo(), durability=wanted)
        report = jobs.enqueue_many([new_job(Echo())], durability=wanted)

    assert answer.reached == report.reached == Reached(wanted)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"replicas": -1}, "replicas is 0 to 100, got -1"),
        ({"replicas": 101}, "replicas is 0 to 100, got 101"),
        ({"within": timedelta(0)}, "within is 1 ms to 4 s, got 0:00:00"),
        ({"within": timedelta(seconds=5)}, "within is 1 ms to 4 s"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidJobError, match=said):
        Durability(**wrong)


@pytest.mark.parametrize(
    ("asked", "reached", "is_met"),
    [
        (FAST, {}, True),
        (replicated(2), {"replicas": 2}, True),
        (replicated(2), {"replicas": 1}, False),
        (FSYNCED, {"fsynced": True}, True),
        (FSYNCED, {"replicas": 9}, False),
        (Durability(replicas=1, fsynced=True), {"replicas": 1}, False),
        (Durability(replicas=1, fsynced=True), {"replicas": 1, "fsynced": True}, True),
    ],
)
def test_a_level_is_met_where_each_part_is(
    asked: Durability, reached: dict[str, Any], is_met: object
) -> None:
    assert Reached(asked, **reached).is_met is is_met
