"""Handlers that let nothing else run in their worker: no second run, and a name for it."""

import signal
from datetime import timedelta
from pathlib import Path

import anyio
import pytest
from redis.asyncio import Redis

from consumers.shutdown import EXIT_STUCK
from producers.client import Producer
from streams.state import State
from tests.consumers.support.fleet import (
    Event,
    Fleet,
    WorkerProcess,
    ended_by_fence,
    report,
    texts,
)
from tests.consumers.support.holding import Hold, Regex, Sink, Stuck
from tests.consumers.support.kinds import Gate
from tests.support.waiting import wait_until

SOON = timedelta(seconds=30)
LEASE_MS = 1_000


async def test_a_handler_that_blocks_the_loop_for_twice_the_lease_runs_once_and_is_named(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str, tmp_path: Path
) -> None:
    blocked = await fleet.start(redis_url, "blocked", lease_ms=LEASE_MS)
    gate, sink = tmp_path / "gate", tmp_path / "sink.sqlite"
    job = await jobs.enqueue(Stuck(gate=gate, sink=sink))
    await wait_until(lambda: fleet.effects.jobs("start"), "it runs")
    await fleet.start(redis_url, "neighbour", lease_ms=LEASE_MS)

    warning = await blocked.says("event_loop_blocked")
    gate.touch()
    await jobs.result(job.id, timeout=SOON)

    assert warning["seconds"] >= 2 * LEASE_MS / 1000
    assert warning["running_kinds"] == "test.stuck"
    assert fleet.effects.jobs("start") == [job.id]
    world = Sink(sink)
    assert world.tries() == [(blocked.pid, True)]
    world.close()
    assert (await report(client)).counters.get("lost", 0) == 0


@pytest.mark.parametrize(
    ("payload", "lease_ms"),
    [
        # Fenced after eight seconds, with the lease that workers have by default.
        (Hold(ms=5_000), 10_000),
        # How long a match takes depends on what else the machine does.
        (Regex(seconds=5), 20_000),
    ],
    ids=["a C library", "a regular expression"],
)
async def test_a_handler_that_holds_the_interpreter_for_five_seconds_runs_once_and_is_named(
    fleet: Fleet,
    jobs: Producer,
    client: Redis,
    redis_url: str,
    payload: Hold | Regex,
    lease_ms: int,
) -> None:
    held = await fleet.start(redis_url, "held", lease_ms=lease_ms)
    job = await jobs.enqueue(payload)
    await wait_until(lambda: fleet.effects.jobs("start"), "it runs")
    await fleet.start(redis_url, "neighbour", lease_ms=lease_ms)

    await jobs.result(job.id, timeout=SOON)
    await wait_until(lambda: _held_up(held), "it says so")

    [warning] = _held_up(held)
    assert warning["running_kinds"] == payload.kind
    assert warning["seconds"] > 2
    assert fleet.effects.jobs("start") == [job.id]
    view = await jobs.get(job.id)
    assert (view.state, view.losses) == (State.COMPLETED, 0)
    assert texts(view.history, "outcome") == ["completed"]
    assert (await report(client)).counters.get("fenced", 0) == 0


async def test_neighbours_of_a_handler_that_holds_the_interpreter_beyond_the_lease_are_fenced(
    fleet: Fleet, jobs: Producer, redis_url: str, tmp_path: Path
) -> None:
    """Without a supervisor nobody renews: its first run must not end beside its second."""
    holding = await fleet.start(redis_url, "holding", lease_ms=LEASE_MS)
    gate = tmp_path / "gate"
    neighbour = await jobs.enqueue(Gate(path=gate))
    await wait_until(lambda: fleet.effects.jobs("start"), "the neighbour runs")
    hold = await jobs.enqueue(Hold(ms=5 * LEASE_MS))
    await wait_until(lambda: fleet.effects.jobs("start")[1:], "the interpreter is held")
    await fleet.start(redis_url, "other", lease_ms=LEASE_MS)

    await holding.says("job_lost")
    gate.touch()
    for job in (neighbour, hold):
        await jobs.result(job.id, timeout=SOON)

    assert ended_by_fence(holding) in {1, 2}  # the one that held it may have ended
    assert fleet.effects.jobs("end").count(neighbour.id) == 1
    assert fleet.effects.jobs("start").count(neighbour.id) == 2
    assert texts((await jobs.get(neighbour.id)).history, "outcome")[-1] == "completed"


async def test_a_blocked_worker_that_is_told_to_end_ends_after_its_grace_period(
    fleet: Fleet, jobs: Producer, redis_url: str, tmp_path: Path
) -> None:
    """Python's own signal handlers would wait for the blocking handler."""
    blocked = await fleet.start(redis_url, "blocked", lease_ms=600_000, grace_ms=0)
    gate, sink = tmp_path / "gate", tmp_path / "sink.sqlite"
    neighbour = await jobs.enqueue(Gate(path=gate))
    await wait_until(lambda: fleet.effects.jobs("start"), "a neighbour runs")
    job = await jobs.enqueue(Stuck(gate=gate, sink=sink))
    await wait_until(lambda: fleet.effects.jobs("start")[1:], "it runs")

    blocked.send(signal.SIGTERM)
    await blocked.says("signal_received")
    assert await anyio.to_thread.run_sync(blocked.program.wait) == EXIT_STUCK

    # What it had costs nobody anything: it was a deploy.
    gate.touch()
    await fleet.start(redis_url, "other", lease_ms=600_000)
    for each in (job, neighbour):
        await jobs.result(each.id, timeout=SOON)
        view = await jobs.get(each.id)
        assert (view.attempt, view.losses) == (1, 0)
        assert texts(view.history, "outcome") == ["released", "completed"]


def _held_up(worker: WorkerProcess) -> list[Event]:
    """Either word for it: a machine that is very busy makes them hard to tell apart."""
    return worker.events("interpreter_held") + worker.events("worker_stood_still")
