"""A Redis that answers "not now": it loads, runs a script, cannot save, is full."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import anyio
import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from producers.client import Producer
from producers.order import new_job
from streams.embedded import EmbeddedServer
from tests.consumers.support.fleet import Fleet, WorkerProcess, letters, records, report, until_idle
from tests.consumers.support.kinds import Failing, Gate, Note
from tests.support.waiting import wait_until

METRICS = {"MILLSTREAM_WORKER_METRICS_PORT": "0"}
#: A slow server takes its time for each of these at its start; between two megabytes of
#: them it answers "loading".
FILLERS, FILLER_BYTES = 400, 50_000


@pytest.fixture
async def client(own_server: EmbeddedServer) -> AsyncIterator[Redis]:
    async with Redis.from_url(own_server.url) as client:
        yield client


@pytest.fixture
async def jobs(own_server: EmbeddedServer) -> AsyncIterator[Producer]:
    async with Producer.connect(own_server.url, queue="work") as producer:
        yield producer


@pytest.fixture
def slow_server(server_binary: Path, tmp_path: Path) -> Iterator[EmbeddedServer]:
    """Takes four milliseconds for each key of its file at its start, and answers meanwhile."""
    config = {"key-load-delay": "4000"}
    with EmbeddedServer(server_binary, tmp_path / "slow", config=config) as server:
        yield server


async def is_red(worker: WorkerProcess, *reasons: str) -> bool:
    status, body = await worker.get("/ready")
    return status == 503 and any(reason in body for reason in reasons)


async def test_a_worker_waits_for_a_server_that_loads_its_data(
    fleet: Fleet, slow_server: EmbeddedServer
) -> None:
    """One that runs, and one that is started meanwhile: an exit would be a crash loop."""
    ids = [f"job-{number}" for number in range(100)]
    running = await fleet.start(slow_server.url, "running", environment=METRICS)
    async with Producer.connect(slow_server.url, queue="work") as jobs:
        await jobs.enqueue_many(new_job(Note(), id=job_id) for job_id in ids)
        async with Redis.from_url(slow_server.url) as client:
            filler = os.urandom(FILLER_BYTES)
            await client.mset({f"filler:{number}": filler for number in range(FILLERS)})
            await client.bgrewriteaof()

            async def is_rewritten() -> bool:
                seen = await client.info("persistence")
                return not (seen["aof_rewrite_in_progress"] or seen["aof_rewrite_scheduled"])

            await wait_until(is_rewritten, "its file is a snapshot")
        async with anyio.create_task_group() as restart:
            await anyio.to_thread.run_sync(slow_server.kill)
            restart.start_soon(anyio.to_thread.run_sync, slow_server.restart)
            await wait_until(
                lambda: any(
                    "loading" in str(each["error"]) for each in running.events("fetch_failed")
                ),
                "it loads",
            )
            assert await is_red(running, "cannot")
            started = fleet.launch(slow_server.url, "started")
            await started.says("worker_started")

    async with Redis.from_url(slow_server.url) as client:
        await until_idle(client)
        assert set(await records(client, ids, "state")) == {("completed",)}


async def test_a_worker_waits_for_a_script_that_holds_the_server(
    fleet: Fleet, own_server: EmbeddedServer, client: Redis, jobs: Producer, tmp_path: Path
) -> None:
    worker = await fleet.start(own_server.url, environment=METRICS)
    await jobs.enqueue(Gate(path=tmp_path / "gate"), id="running")
    await wait_until(lambda: fleet.effects.jobs("start"), "it runs")
    await client.config_set("lua-time-limit", "50")

    async def spin() -> None:
        async with Redis.from_url(own_server.url) as other:
            with pytest.raises(RedisError, match="killed"):
                await other.eval("while true do end", 0)

    async def is_spinning() -> bool:
        try:
            return not await client.ping()
        except RedisError as error:
            return "BUSY" in str(error)

    async with anyio.create_task_group() as spinning:
        spinning.start_soon(spin)
        await wait_until(is_spinning, "it spins")
        (tmp_path / "gate").touch()
        await worker.says("settle_failed")

        async def is_busy() -> bool:
            return await is_red(worker, "BUSY", "Timeout")

        await wait_until(is_busy, "readiness says so")
        await client.script_kill()
    await until_idle(client)

    assert await records(client, ["running"], "state") == [("completed",)]
    assert fleet.effects.jobs("end") == ["running"]


async def test_a_worker_waits_for_a_server_that_cannot_save(
    fleet: Fleet, own_server: EmbeddedServer, client: Redis, jobs: Producer, tmp_path: Path
) -> None:
    """It refuses every write, with MISCONF; the jobs in hand come to their end afterwards."""
    worker = await fleet.start(own_server.url, environment=METRICS)
    await jobs.enqueue(Gate(path=tmp_path / "gate"), id="good")
    await jobs.enqueue(Gate(path=tmp_path / "gate", then="fail"), id="bad", attempts=1)
    await wait_until(lambda: fleet.effects.jobs("start")[1:], "both run")
    in_the_way = own_server.directory / "dump.rdb"
    in_the_way.mkdir()
    await client.config_set("save", "3600 1")
    await client.bgsave()

    async def has_saved(status: str) -> bool:
        seen = await client.info("persistence")
        return not seen["rdb_bgsave_in_progress"] and seen["rdb_last_bgsave_status"] == status

    await wait_until(lambda: has_saved("err"), "a snapshot has failed")
    (tmp_path / "gate").touch()
    await worker.says("settle_failed")
    await wait_until(lambda: is_red(worker, "MISCONF"), "readiness says so")
    assert await records(client, ["good", "bad"], "state") == [("ready",), ("ready",)]

    in_the_way.rmdir()
    await client.bgsave()
    await wait_until(lambda: has_saved("ok"), "a snapshot has been taken")
    await until_idle(client)

    assert await records(client, ["good", "bad"], "state") == [("completed",), ("dead",)]
    assert [letter.id for letter in await letters(client)] == ["bad"]
    assert fleet.effects.jobs("start") == ["good", "bad"]


async def test_a_full_server_is_drained_by_workers_that_run_and_by_one_that_starts(
    fleet: Fleet, own_server: EmbeddedServer, client: Redis, jobs: Producer, tmp_path: Path
) -> None:
    """Enqueue is refused; fetch, renew, settle, claim and the dead letter are not."""
    gate = tmp_path / "gate"
    first = await fleet.start(own_server.url, lease_ms=1_000)
    await jobs.enqueue(Gate(path=gate), id="good")
    await jobs.enqueue(Failing(times=1), id="retried")
    await jobs.enqueue(Gate(path=gate, then="fail"), id="bad", attempts=1)
    await wait_until(lambda: len(fleet.effects.jobs("start")) >= 3, "all run")
    await client.config_set("maxmemory", "1mb")
    with pytest.raises(RedisError, match="maxmemory"):
        await jobs.enqueue(Note(), id="refused")
    first.program.kill()
    gate.touch()
    await fleet.start(own_server.url, "second", lease_ms=1_000)

    async def all_have_ended() -> bool:
        states = await records(client, ["good", "retried", "bad", "refused"], "state")
        return states == [("completed",), ("completed",), ("dead",), ("",)]

    await wait_until(all_have_ended, "each has ended as it should")
    assert [letter.id for letter in await letters(client)] == ["bad"]
    assert (await report(client)).counters["enqueued"] == 3
