"""A Redis that restarts, forgets, or is full under a worker."""

from pathlib import Path

import anyio
from redis.asyncio import Redis

from producers.client import Producer
from producers.order import new_job
from streams.embedded import EmbeddedServer
from streams.state import State
from tests.consumers.support.fleet import Fleet, letters, records, report, until_idle
from tests.consumers.support.kinds import Failing, Gate, Note, Sleep, Stubborn
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


async def test_a_flushed_server_gets_its_groups_again_and_new_jobs_run(
    fleet: Fleet, own_server: EmbeddedServer
) -> None:
    worker = await fleet.start(own_server.url, environment=METRICS)

    async with (
        Redis.from_url(own_server.url) as client,
        Producer.connect(own_server.url, queue="work") as jobs,
    ):
        await jobs.enqueue(Note(), id="before")
        await until_idle(client)
        assert await worker.get("/ready") == (200, "ok\n")
        # Asked for again and again while it happens, or the red moment would be missed.
        seen: list[tuple[int, str]] = []

        async def turns_green_again() -> bool:
            seen.append(await worker.get("/ready"))
            return seen[-1][0] == 200 and len({status for status, _ in seen}) == 2

        await client.flushall()
        await wait_until(turns_green_again, "readiness goes red, then green")
        recreated = await worker.says("groups_recreated")

        assert recreated["created"] == 4
        assert "lost" in recreated["hint"]
        assert next(body for status, body in seen if status == 503).startswith("cannot fetch")
        await jobs.enqueue(Note(), id="after")
        await until_idle(client)
        assert (await jobs.get("after")).state is State.COMPLETED


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


async def test_a_full_server_still_records_how_jobs_end(
    fleet: Fleet, own_server: EmbeddedServer, tmp_path: Path
) -> None:
    """It refuses new jobs, and lets those that it has accepted come to their end."""
    gate = tmp_path / "gate"
    await fleet.start(own_server.url, lease_ms=1_000)
    async with (
        Redis.from_url(own_server.url) as client,
        Producer.connect(own_server.url, queue="work") as jobs,
    ):
        await jobs.enqueue(Gate(path=gate), id="good")
        await jobs.enqueue(Failing(times=1), id="retried")
        await jobs.enqueue(Gate(path=gate, then="fail"), id="bad", attempts=1)
        await wait_until(lambda: len(fleet.effects.jobs("start")) >= 3, "all run")

        await client.config_set("maxmemory", "1mb")
        gate.touch()

        async def all_have_ended() -> bool:
            states = await records(client, ["good", "retried", "bad"], "state")
            return states == [("completed",), ("completed",), ("dead",)]

        await wait_until(all_have_ended, "each has ended as it should")
        [letter] = await letters(client)
        assert letter.last_error == "RuntimeError: the gate was a trap"


async def test_an_outcome_whose_answer_was_lost_is_recorded_once(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str, tmp_path: Path
) -> None:
    """The settle arrives and is carried out; the worker hears nothing and repeats it."""
    async with Proxy(redis_url) as proxy:
        worker = await fleet.start(proxy.url)
        # The first outcome of all would find that the server does not know the script.
        await jobs.enqueue(Note(), id="before")
        await until_idle(client)
        job = await jobs.enqueue(Gate(path=tmp_path / "gate"))
        await wait_until(lambda: job.id in fleet.effects.jobs("start"), "it runs")
        proxy.set(Mode.DROP_REPLIES)
        (tmp_path / "gate").touch()
        await until_idle(client)
        proxy.set(Mode.RESET)
        await worker.says("settle_failed")
        proxy.set(Mode.RELAY)
        await jobs.enqueue(Note(), id="after")
        await until_idle(client)

        counters = (await report(client)).counters
        assert (counters["completed"], counters.get("fenced", 0)) == (3, 0)
        assert len((await jobs.get(job.id)).history) == 1
        assert worker.events("outcome_fenced") == []


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
