"""A process that was frozen for longer than its lease: what it wakes up with is nobody's.

Two things keep its handlers from doing harm. Before its event loop goes on, handlers whose
leases cannot be trusted are cancelled. And what a handler was in the middle of is refused
by a store that compares fences.
"""

import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from redis.asyncio import Redis

from producers.client import Producer
from streams.state import State
from tests.consumers.support.fleet import Fleet, ended_by_fence, report, texts
from tests.consumers.support.holding import Sink, Stuck, Timer
from tests.support.waiting import wait_until

SOON = timedelta(seconds=20)
LEASE_MS = 1_000


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    """The world outside."""
    sink = Sink(tmp_path / "sink.sqlite")
    yield sink
    sink.close()


async def test_a_thawed_worker_cancels_its_handlers_before_they_take_another_step(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str, tmp_path: Path, sink: Sink
) -> None:
    """Its timer is over when it wakes: without a look at the clock, writing would come next."""
    zombie = await fleet.start(redis_url, "zombie", lease_ms=LEASE_MS)
    job = await jobs.enqueue(Timer(ms=700, sink=tmp_path / "sink.sqlite"))
    await wait_until(lambda: fleet.effects.jobs("start"), "the job runs")
    zombie.send(signal.SIGSTOP)
    healthy = await fleet.start(redis_url, "healthy", lease_ms=LEASE_MS)
    await jobs.result(job.id, timeout=SOON)

    zombie.send(signal.SIGCONT)
    await zombie.says("job_lost")

    assert ended_by_fence(zombie) == 1
    assert sink.tries() == [(healthy.pid, True)]
    view = await jobs.get(job.id)
    assert (view.state, view.losses) == (State.COMPLETED, 1)
    assert texts(view.history, "outcome") == ["lost", "completed"]
    counters = (await report(client)).counters
    assert (counters["completed"], counters.get("fenced", 0)) == (1, 0)


async def test_what_a_zombie_writes_in_the_middle_of_a_step_is_refused_by_its_fence(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str, tmp_path: Path, sink: Sink
) -> None:
    gate = tmp_path / "gate"
    zombie = await fleet.start(redis_url, "zombie", lease_ms=LEASE_MS)
    job = await jobs.enqueue(Stuck(gate=gate, sink=tmp_path / "sink.sqlite"))
    await wait_until(lambda: fleet.effects.jobs("start"), "the job runs")
    zombie.send(signal.SIGSTOP)
    healthy = await fleet.start(redis_url, "healthy", lease_ms=LEASE_MS)
    await wait_until(lambda: fleet.effects.jobs("start")[1:], "the job runs elsewhere")
    gate.touch()
    await jobs.result(job.id, timeout=SOON)

    zombie.send(signal.SIGCONT)
    await wait_until(lambda: sink.tries()[1:], "it has tried to write")
    await zombie.says("outcome_fenced")

    assert sink.tries() == [(healthy.pid, True), (zombie.pid, False)]
    assert sink.writers() == [healthy.pid]
    first, second = fleet.effects.fences()
    assert first < second
    assert (await jobs.get(job.id)).state is State.COMPLETED
    assert (await report(client)).counters["completed"] == 1


async def test_a_short_freeze_costs_nothing(
    fleet: Fleet, jobs: Producer, redis_url: str, tmp_path: Path, sink: Sink
) -> None:
    worker = await fleet.start(redis_url, lease_ms=60_000)
    job = await jobs.enqueue(Timer(ms=300, sink=tmp_path / "sink.sqlite"))
    await wait_until(lambda: fleet.effects.jobs("start"), "the job runs")

    worker.send(signal.SIGSTOP)
    worker.send(signal.SIGCONT)
    await jobs.result(job.id, timeout=SOON)

    assert sink.tries() == [(worker.pid, True)]
    assert worker.events("worker_fenced_itself") == []
