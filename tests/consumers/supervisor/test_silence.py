"""Processes that are alive and silent: what computes keeps its jobs, what is stopped does not."""

import os
import signal
from datetime import timedelta
from pathlib import Path

from redis.asyncio import Redis

from producers.client import Producer
from streams.state import State
from tests.consumers.support.crew import children, start_supervisor, worker_of
from tests.consumers.support.fleet import Fleet, report, texts, until_idle
from tests.consumers.support.holding import Hold, Sink, Stuck
from tests.consumers.support.kinds import Gate, Note
from tests.support.waiting import wait_until

SOON = timedelta(seconds=20)
LEASE_MS = 1_000


async def test_a_handler_that_holds_the_interpreter_for_three_leases_keeps_its_job(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str
) -> None:
    """Without its supervisor, the other process would have started it after one lease."""
    supervisor = await start_supervisor(fleet, redis_url, lease_ms=LEASE_MS)

    job = await jobs.enqueue(Hold(ms=3 * LEASE_MS))
    silent = await supervisor.says("process_silent")
    await jobs.result(job.id, timeout=SOON)

    assert silent["running_kinds"] == "test.hold"
    assert fleet.effects.jobs("start") == [job.id]
    view = await jobs.get(job.id)
    assert (view.state, view.losses) == (State.COMPLETED, 0)
    assert texts(view.history, "outcome") == ["completed"]
    # The worker names the kind too, and has not stopped its own handler for it.
    stood = await supervisor.says("worker_stood_still")
    assert "test.hold" in stood["running_kinds"]
    assert supervisor.events("worker_fenced_itself") == []
    assert supervisor.events("process_overdue") == []
    counters = (await report(client)).counters
    assert (counters.get("lost", 0), counters.get("fenced", 0)) == (0, 0)


async def test_a_handler_that_holds_the_interpreter_beyond_its_deadline_is_ended_with_its_process(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str
) -> None:
    supervisor = await start_supervisor(fleet, redis_url, processes=1, lease_ms=LEASE_MS)
    [pid] = children(supervisor).values()

    job = await jobs.enqueue(Hold(ms=60_000), timeout=timedelta(seconds=1))
    overdue = await supervisor.says("process_overdue")
    await jobs.result(job.id, timeout=SOON)

    assert (overdue["pid"], overdue["running_kinds"]) == (pid, "test.hold")
    view = await jobs.get(job.id)
    assert (view.state, view.attempt, view.losses) == (State.COMPLETED, 1, 1)
    assert texts(view.history, "outcome") == ["lost", "completed"]
    assert view.history[0]["reason"] == "killed by SIGKILL"
    await until_idle(client)


async def test_a_process_blocked_beyond_the_deadline_is_ended_before_its_job_runs_again(
    fleet: Fleet, jobs: Producer, redis_url: str, tmp_path: Path
) -> None:
    """Its heartbeat lives, and lets the lease lapse; two runs at a time would be the end of it."""
    supervisor = await start_supervisor(fleet, redis_url, lease_ms=LEASE_MS)
    gate, sink = tmp_path / "gate", tmp_path / "sink.sqlite"

    job = await jobs.enqueue(Stuck(gate=gate, sink=sink), timeout=timedelta(seconds=1))
    await wait_until(lambda: fleet.effects.jobs("start"), "it runs")
    overdue = await supervisor.says("process_overdue")
    await wait_until(lambda: fleet.effects.jobs("start")[1:], "it runs elsewhere")
    gate.touch()
    await jobs.result(job.id, timeout=SOON)

    first, second = (row["pid"] for row in fleet.effects.rows("start"))
    assert overdue["pid"] == first
    world = Sink(sink)
    assert world.tries() == [(second, True)]
    world.close()


async def test_a_stopped_process_is_not_kept_alive_and_is_fenced_when_it_goes_on(
    fleet: Fleet, jobs: Producer, redis_url: str, tmp_path: Path
) -> None:
    supervisor = await start_supervisor(fleet, redis_url, lease_ms=LEASE_MS)
    gate = tmp_path / "gate"
    job = await jobs.enqueue(Gate(path=gate))
    await wait_until(lambda: fleet.effects.jobs("start"), "it runs")
    frozen = int(str(fleet.effects.rows("start")[0]["pid"]))

    os.kill(frozen, signal.SIGSTOP)
    try:
        await wait_until(lambda: fleet.effects.jobs("start")[1:], "it runs elsewhere")
    finally:
        os.kill(frozen, signal.SIGCONT)
    lost = await supervisor.says("job_lost")
    gate.touch()
    await jobs.result(job.id, timeout=SOON)

    assert lost["consumer"] == worker_of(supervisor, frozen)
    assert supervisor.events("process_silent") == []
    assert frozen not in [row["pid"] for row in fleet.effects.rows("end")]
    assert frozen in children(supervisor).values()
    await jobs.result((await jobs.enqueue(Note())).id, timeout=SOON)


async def test_a_supervisor_that_was_frozen_does_nothing_rash_when_it_goes_on(
    fleet: Fleet, jobs: Producer, redis_url: str, tmp_path: Path
) -> None:
    """It has not listened for many leases, and takes its processes for silent at first."""
    supervisor = await start_supervisor(fleet, redis_url, lease_ms=LEASE_MS)
    gate = tmp_path / "gate"
    job = await jobs.enqueue(Gate(path=gate))
    await wait_until(lambda: fleet.effects.jobs("start"), "it runs")

    supervisor.send(signal.SIGSTOP)
    note = await jobs.enqueue(Note())
    await jobs.result(note.id, timeout=SOON)
    held = await jobs.enqueue(Hold(ms=2 * LEASE_MS))
    await jobs.result(held.id, timeout=SOON)
    supervisor.send(signal.SIGCONT)
    gate.touch()
    await jobs.result(job.id, timeout=SOON)

    assert supervisor.program.terminate() == 0
    assert supervisor.events("process_overdue") == []
    assert len(children(supervisor)) == 2
