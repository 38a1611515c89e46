"""Deploys: workers that come and go under load, signals at odd moments, two releases at a time."""

import signal
import socket
from pathlib import Path
from typing import ClassVar

import anyio
import pytest
from redis.asyncio import Redis

from producers.client import Producer
from producers.order import new_job
from producers.payloads.base import Payload
from streams.embedded import EmbeddedServer
from streams.state import State
from tests.consumers.support.fleet import ROOT, Fleet, records, report, texts, until_idle
from tests.consumers.support.kinds import Gate, Note, Sleep
from tests.faults.support.generations import make_release
from tests.support.processes import Processes
from tests.support.waiting import wait_until

#: So long that nothing in these tests can have waited for it.
LEASE_MS = 600_000
#: Of the worker that is killed.
SLOTS = 4


class Newer(Payload):
    """A kind that only the newer release knows."""

    kind: ClassVar[str] = "test.newer"


class NewerNote(Note):
    """A kind that both know, in a version that only the newer release can read."""

    schema_version: ClassVar[int] = 2


async def test_a_rolling_restart_under_load_costs_no_job_no_attempt_and_no_loss(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str
) -> None:
    """Without a grace period, so that whatever runs is interrupted and handed back."""
    workers = [
        await fleet.start(redis_url, f"first-{number}", lease_ms=LEASE_MS, grace_ms=0)
        for number in range(2)
    ]
    ids = [f"job-{number}" for number in range(160)]
    await jobs.enqueue_many(new_job(Sleep(ms=150), id=job_id, attempts=1) for job_id in ids)

    for old in tuple(workers):
        await wait_until(lambda: fleet.effects.jobs("end"), "work is being done")
        old.send(signal.SIGTERM)
        new = fleet.launch(redis_url, f"new-{old.name}", lease_ms=LEASE_MS, grace_ms=0)
        assert await anyio.to_thread.run_sync(old.program.wait) == 0
        await new.says("worker_started", timeout_s=30)
        workers = [*workers[1:], new]
    await until_idle(client, timeout_s=60)

    ended = await records(client, ids, "state", "attempt", "losses")
    assert {(state, attempt or "1", losses or "0") for state, attempt, losses in ended} == {
        ("completed", "1", "0")
    }
    assert sorted(fleet.effects.jobs("end")) == sorted(ids)
    found = await report(client)
    counters = found.counters
    assert (counters["completed"], counters.get("dead", 0), counters.get("lost", 0)) == (160, 0, 0)
    assert counters["released"] >= 1
    assert {each.name for each in found.consumers} == {each.consumer for each in workers}


@pytest.mark.parametrize("program", ["a worker", "the command"])
async def test_a_worker_that_is_told_to_end_before_its_server_has_answered_ends_well(
    fleet: Fleet, processes: Processes, tmp_path: Path, program: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"redis://127.0.0.1:{mute.getsockname()[1]}/0"
        environment = {
            "PYTHONPATH": str(ROOT),
            "REDIS_URL": url,
            "MILLSTREAM_DATA_DIR": str(tmp_path / "data"),
        }
        starting = (
            fleet.launch(url).program
            if program == "a worker"
            else processes.start("python", "-m", "consumers.cli", "tiles", environment=environment)
        )
        connection, _ = await anyio.to_thread.run_sync(mute.accept)
        await anyio.to_thread.run_sync(connection.recv, 1)

        starting.send(signal.SIGTERM)
        status = await anyio.to_thread.run_sync(starting.wait)
        connection.close()

    assert status == 0
    assert "Traceback" not in starting.output()


async def test_an_outcome_that_waits_for_the_server_is_recorded_within_the_grace_period(
    fleet: Fleet, own_server: EmbeddedServer, tmp_path: Path
) -> None:
    async with Producer.connect(own_server.url, queue="work") as jobs:
        worker = await fleet.start(own_server.url, lease_ms=LEASE_MS, grace_ms=30_000)
        job = await jobs.enqueue(Gate(path=tmp_path / "gate"))
        await wait_until(lambda: fleet.effects.jobs("start"), "it runs")
        own_server.stop()
        (tmp_path / "gate").touch()
        await worker.says("settle_failed")

        worker.send(signal.SIGTERM)
        await worker.says("worker_shutdown_started")
        own_server.restart()

        assert await anyio.to_thread.run_sync(worker.program.wait) == 0
        view = await jobs.get(job.id)
    assert (view.state, view.attempt, view.released, view.losses) == (State.COMPLETED, 1, 0, 0)
    assert fleet.effects.jobs("start") == [job.id]


async def test_two_releases_share_a_queue_and_what_the_older_cannot_run_waits_for_the_newer(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str, tmp_path: Path
) -> None:
    old_release = make_release(tmp_path / "old", "1.0-old")
    new_release = make_release(tmp_path / "new", "2.0-new", is_newer=True)
    old = await fleet.start(
        redis_url, "old", concurrency=SLOTS, lease_ms=1_000, environment=old_release
    )
    ahead = [(await jobs.enqueue(payload)).id for payload in (Newer(), NewerNote(text="2"))]
    await old.says_times("job_parked", 2)

    new = await fleet.start(redis_url, "new", lease_ms=1_000, environment=new_release)
    ids = [f"job-{number}" for number in range(120)]
    await jobs.enqueue_many(new_job(Sleep(ms=30), id=job_id) for job_id in ids)
    await wait_until(lambda: fleet.effects.jobs("end")[60:], "half is done")
    old.program.kill()
    await until_idle(client)

    assert set(await records(client, [*ids, *ahead], "state", "attempt")) <= {
        ("completed", ""),
        ("completed", "1"),
    }
    ended = fleet.effects.jobs("end")
    assert set(ended) == {*ids, *ahead}
    # What had ended when its worker was killed, and was not recorded yet, ends twice.
    assert len(ended) - len(set(ended)) <= SLOTS
    assert {row["pid"] for row in fleet.effects.rows("end")} == {old.pid, new.pid}
    by = {row["job"]: row["pid"] for row in fleet.effects.rows("end")}
    assert {by[job_id] for job_id in ahead} == {new.pid}
    for job_id in ahead:
        view = await jobs.get(job_id)
        assert texts(view.history, "version")[-1] == "2.0-new"
    counters = (await report(client)).counters
    assert (counters["completed"], counters.get("dead", 0)) == (122, 0)
    assert counters["parked"] >= 2
