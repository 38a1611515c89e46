"""A Redis that becomes a replica, has too few replicas, or forgets the scripts."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import anyio
import pytest
from redis.asyncio import Redis

from producers.client import Producer
from producers.order import new_job
from streams.embedded import EmbeddedServer
from tests.consumers.support.fleet import Fleet, records, report, until_idle
from tests.consumers.support.kinds import Gate, Note, Sleep
from tests.support.proxy import Proxy
from tests.support.waiting import wait_until

METRICS = {"MILLSTREAM_WORKER_METRICS_PORT": "0"}


@pytest.fixture
def second_server(server_binary: Path, tmp_path: Path) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(server_binary, tmp_path / "second") as server:
        yield server


@pytest.fixture
async def first(own_server: EmbeddedServer) -> AsyncIterator[Redis]:
    async with Redis.from_url(own_server.url) as client:
        yield client


@pytest.fixture
async def second(second_server: EmbeddedServer) -> AsyncIterator[Redis]:
    async with Redis.from_url(second_server.url) as client:
        yield client


async def test_a_worker_follows_its_name_from_a_demoted_master_to_the_new_one(
    fleet: Fleet,
    own_server: EmbeddedServer,
    second_server: EmbeddedServer,
    first: Redis,
    second: Redis,
    tmp_path: Path,
) -> None:
    """The name leads to the new master; the old connections lead to a server that only reads."""
    async with Proxy(own_server.url) as name, Producer.connect(name.url, queue="work") as jobs:
        worker = await fleet.start(name.url, lease_ms=5_000, environment=METRICS)
        await jobs.enqueue(Gate(path=tmp_path / "gate"), id="running")
        await wait_until(lambda: fleet.effects.jobs("start"), "one runs")
        await second.replicaof("127.0.0.1", str(own_server.port))

        async def follows() -> bool:
            seen = await second.info("replication")
            ours = await first.info("replication")
            return bool(
                seen["master_link_status"] == "up"
                and ours.get("slave0", {}).get("offset") == ours["master_repl_offset"]
            )

        await wait_until(follows, "the replica has everything")
        await second.replicaof("NO", "ONE")
        name.lead_to(second_server.url)
        await first.replicaof("127.0.0.1", str(second_server.port))
        (tmp_path / "gate").touch()
        await jobs.enqueue(Note(), id="after")
        await until_idle(second)

        assert set(await records(second, ["running", "after"], "state")) == {("completed",)}
        assert fleet.effects.jobs("start") == ["running", "after"]
        assert (await report(second)).counters.get("lost", 0) == 0

        async def is_ready() -> bool:
            return (await worker.get("/ready"))[0] == 200

        await wait_until(is_ready, "it is ready")


async def test_a_worker_on_a_replica_waits_and_goes_on_after_its_promotion(
    fleet: Fleet, own_server: EmbeddedServer, first: Redis, tmp_path: Path
) -> None:
    worker = await fleet.start(own_server.url, lease_ms=5_000, environment=METRICS)
    async with Producer.connect(own_server.url, queue="work") as jobs:
        await jobs.enqueue(Gate(path=tmp_path / "gate"), id="running")
        await wait_until(lambda: fleet.effects.jobs("start"), "it runs")
        await first.replicaof("127.0.0.1", "1")
        (tmp_path / "gate").touch()

        async def is_red() -> bool:
            status, body = await worker.get("/ready")
            return status == 503 and "read only" in body

        await worker.says("settle_failed")
        await wait_until(is_red, "readiness says so")
        await first.replicaof("NO", "ONE")
        await until_idle(first)
        await jobs.enqueue(Note(), id="after")
        await until_idle(first)

    assert set(await records(first, ["running", "after"], "state")) == {("completed",)}
    assert fleet.effects.jobs("start") == ["running", "after"]
    assert worker.events("outcome_fenced") == []


async def test_an_outcome_is_held_while_too_few_replicas_follow(
    fleet: Fleet, own_server: EmbeddedServer, first: Redis, tmp_path: Path
) -> None:
    """Nothing can be written, by nobody: the outcome is repeated until the fence decides."""
    worker = await fleet.start(own_server.url, lease_ms=1_000, environment=METRICS)
    async with Producer.connect(own_server.url, queue="work") as jobs:
        await jobs.enqueue(Gate(path=tmp_path / "gate"), id="held")
        await wait_until(lambda: fleet.effects.jobs("start"), "it runs")
        await first.config_set("min-replicas-to-write", "1")
        (tmp_path / "gate").touch()
        await worker.says("settle_failed")
        # Longer than the self-fence: an outcome that waits is no handler that must end.
        await wait_until(lambda: len(worker.events("renewal_failed")) > 5, "a lease is over")
        status, body = await worker.get("/ready")
        assert status == 503
        assert "Not enough good replicas" in body or "NOREPLICAS" in body

        await first.config_set("min-replicas-to-write", "0")
        await until_idle(first)

        assert await records(first, ["held"], "state") == [("completed",)]
        assert fleet.effects.jobs("end") == ["held"]
        assert (await report(first)).counters.get("fenced", 0) == 0


async def test_scripts_that_a_server_forgets_under_load_are_loaded_again(
    fleet: Fleet, own_server: EmbeddedServer, first: Redis
) -> None:
    """By SCRIPT FLUSH, and by a restart, after which 7.0 knows none of them."""
    ids = [f"job-{number}" for number in range(200)]
    worker = await fleet.start(own_server.url, lease_ms=2_000)
    async with Producer.connect(own_server.url, queue="work") as jobs:
        await jobs.enqueue_many(new_job(Sleep(ms=10), id=job_id) for job_id in ids[:150])
        for done in range(10, 110, 10):
            await wait_until(lambda done=done: fleet.effects.jobs("end")[done:], "more is done")  # type: ignore[misc]
            await first.script_flush()
        assert worker.events("fetch_failed") == []
        assert worker.events("settle_failed") == []

        await anyio.to_thread.run_sync(own_server.restart)
        await wait_until(lambda: fleet.effects.jobs("end")[120:], "it goes on")
        await jobs.enqueue_many(new_job(Sleep(ms=1), id=job_id) for job_id in ids[150:])

    async with Redis.from_url(own_server.url) as again:
        await until_idle(again)
        assert set(await records(again, ids, "state")) == {("completed",)}
        assert (await report(again)).counters["completed"] == 200
