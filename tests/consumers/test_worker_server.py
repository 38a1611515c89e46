"""A Redis that restarts, forgets, or is full under a worker."""

from pathlib import Path

import anyio
from redis.asyncio import Redis

from producers.client import Producer
from producers.order import new_job
from streams.embedded import EmbeddedServer
from streams.state import State
from tests.consumers.support.fleet import Fleet, records, report, until_idle
from tests.consumers.support.kinds import Gate, Note, Sleep, Stubborn
from tests.support.proxy import Mode, Proxy
from tests.support.waiting import wait_until

METRICS = {"MILLSTREAM_WORKER_METRICS_PORT": "0"}


async def test_a_server_that_is_killed_and_comes_back_costs_no_job(
    fleet: Fleet, own_server: EmbeddedServer
) -> None:
    worker = await fleet.start(own_server.url, lease_ms=2_000, environment=METRICS)
    ids = [f"job-{number}" for number in range(150)]
    async with Producer.connect(own_server.url, queue="work") as jobs:
        await jobs.enqueue_many(new_job(Sleep(ms=10), id=job_id) for job_id in ids)
        await wait_until(lambda: fleet.effects.jobs("end")[30:], "a fifth is done")

    await anyio.to_thread.run_sync(own_server.kill)

    async def is_missed() -> bool:
        status, body = await worker.get("/ready")
        return status == 503 and body.startswith("cannot ")

    await wait_until(is_missed, "it is missed")
    assert (await worker.get("/live"))[0] == 200
    await anyio.to_thread.run_sync(own_server.restart)

    async with Redis.from_url(own_server.url) as client:
        await until_idle(client)
        assert set(await records(client, ids, "state")) == {("completed",)}
        assert (await report(client)).counters["completed"] == 150
    assert set(fleet.effects.jobs("end")) == set(ids)

    async def is_ready() -> bool:
        return await worker.get("/ready") == (200, "ok\n")

    await wait_until(is_ready, "it is ready again")


async def test_a_busy_worker_notices_too_that_its_server_is_gone(
    fleet: Fleet, own_server: EmbeddedServer, tmp_path: Path
) -> None:
    """All its slots are taken, so that it does not fetch."""
    worker = await fleet.start(own_server.url, concurrency=1, lease_ms=1_000, environment=METRICS)
    async with Producer.connect(own_server.url, queue="work") as jobs:
        await jobs.enqueue(Stubborn(path=tmp_path / "gate"))
        await wait_until(lambda: fleet.effects.jobs("start"), "it runs")
    assert await worker.get("/ready") == (200, "ok\n")

    await anyio.to_thread.run_sync(own_server.stop)

    async def is_missed() -> bool:
        status, body = await worker.get("/ready")
        return status == 503 and body.startswith("cannot renew: ")

    await wait_until(is_missed, "it is missed")
    assert worker.events("fetch_failed") == []


async def test_a_handler_whose_job_was_flushed_away_is_stopped(
    fleet: Fleet, own_server: EmbeddedServer, tmp_path: Path
) -> None:
    worker = await fleet.start(own_server.url, lease_ms=1_000)
    async with (
        Redis.from_url(own_server.url) as client,
        Producer.connect(own_server.url, queue="work") as jobs,
    ):
        await jobs.enqueue(Gate(path=tmp_path / "never"))
        await wait_until(lambda: fleet.effects.jobs("start"), "it runs")

        await client.flushall()
        await worker.says("job_lost")

        await wait_until(lambda: worker.events("groups_recreated"), "the groups are there")
        await jobs.enqueue(Note(), id="after")
        await until_idle(client)
        assert (await jobs.get("after")).state is State.COMPLETED


async def test_a_worker_that_cannot_renew_stops_its_handlers_before_others_start_them(
    fleet: Fleet, jobs: Producer, redis_url: str, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    async with Proxy(redis_url) as proxy:
        cut_off = await fleet.start(proxy.url, "cut-off", lease_ms=1_000)
        job = await jobs.enqueue(Gate(path=gate))
        await wait_until(lambda: fleet.effects.jobs("start"), "it runs")
        other = await fleet.start(redis_url, "other", lease_ms=1_000)
        proxy.set(Mode.RESET)

        await cut_off.says("worker_fenced_itself")
        fenced = await cut_off.says("job_lost")
        await wait_until(lambda: fleet.effects.jobs("start")[1:], "it runs elsewhere")
        proxy.set(Mode.RELAY)
        gate.touch()
        await other.says("job_completed")

        claimed = other.events("job_claimed")[0]
        assert str(fenced["timestamp"]) < str(claimed["timestamp"])
        assert (await jobs.get(job.id)).state is State.COMPLETED
        assert len(fleet.effects.jobs("end")) == 1
