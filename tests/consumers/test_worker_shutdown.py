"""A worker that is told to end: nothing is lost, and nothing costs an attempt."""

import signal
from datetime import datetime, timedelta
from pathlib import Path

import anyio
from redis.asyncio import Redis

from consumers.shutdown import EXIT_STUCK
from producers.client import Producer
from producers.order import new_job
from streams.embedded import EmbeddedServer
from streams.state import State
from tests.consumers.support.fleet import Fleet, WorkerProcess, records, report, texts, until_idle
from tests.consumers.support.kinds import Gate, Note, Sleep, Stubborn
from tests.support.proxy import Mode, Proxy
from tests.support.waiting import wait_until

#: So long that nothing in these tests can have waited for it.
LEASE_MS = 600_000
#: Handed-back jobs run elsewhere within a second; the rest is for a busy machine.
ELSEWHERE_MS = 3_000


async def test_a_worker_told_to_end_finishes_what_it_has_and_takes_no_more(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str, tmp_path: Path
) -> None:
    worker = await fleet.start(redis_url, concurrency=2, lease_ms=LEASE_MS)
    running = [(await jobs.enqueue(Gate(path=tmp_path / "gate"))).id for _ in range(2)]
    await wait_until(lambda: fleet.effects.jobs("start")[1:], "both run")
    waiting = await jobs.enqueue(Note())

    worker.send(signal.SIGTERM)
    await worker.says("worker_shutdown_started")
    (tmp_path / "gate").touch()

    assert worker.program.wait() == 0
    assert set(await records(client, running, "state")) == {("completed",)}
    assert (await jobs.get(waiting.id)).state is State.READY
    assert (await report(client)).counters.get("released", 0) == 0
    await jobs.cancel(waiting.id)


async def test_what_does_not_finish_within_the_grace_period_runs_elsewhere_at_once_and_for_free(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    leaving = await fleet.start(redis_url, "leaving", lease_ms=LEASE_MS, grace_ms=1_000)
    ids = [(await jobs.enqueue(Gate(path=gate), attempts=1)).id for _ in range(4)]
    await wait_until(lambda: fleet.effects.jobs("start")[3:], "all run")
    staying = await fleet.start(redis_url, "staying", lease_ms=LEASE_MS)

    leaving.send(signal.SIGTERM)
    assert leaving.program.wait() == 0
    [drained] = leaving.events("worker_drained")
    assert (drained["handed_back"], drained["unsettled"]) == (4, 0)
    await wait_until(lambda: fleet.effects.jobs("start")[7:], "all run elsewhere")
    gate.touch()
    await until_idle(client)

    for job in ids:
        view = await jobs.get(job)
        assert (view.state, view.attempt, view.released, view.losses) == (
            State.COMPLETED,
            1,
            1,
            0,
        )
        assert texts(view.history, "outcome") == ["released", "completed"]
        assert texts(view.history, "attempt") == ["1", "1"]
        assert texts(view.history, "consumer") == [leaving.consumer, staying.consumer]
        handed_back, again = (row["ended_ms"] for row in view.history[:1]), view.history[1]
        assert _int(again["started_ms"]) - _int(next(handed_back)) < ELSEWHERE_MS


async def test_a_deploy_in_the_middle_of_many_jobs_loses_none_and_runs_none_twice(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str
) -> None:
    first = fleet.launch(redis_url, "first", lease_ms=LEASE_MS)
    second = fleet.launch(redis_url, "second", lease_ms=LEASE_MS)
    for worker in (first, second):
        await worker.says("worker_started", timeout_s=30)
    ids = [f"job-{number}" for number in range(200)]
    await jobs.enqueue_many(new_job(Sleep(ms=10), id=job_id) for job_id in ids)
    await wait_until(lambda: fleet.effects.jobs("end")[40:], "a fifth is done")

    first.send(signal.SIGTERM)
    assert first.program.wait() == 0
    await until_idle(client)

    assert set(await records(client, ids, "state", "attempt", "losses")) == {("completed", "", "")}
    assert sorted(fleet.effects.jobs("end")) == sorted(ids)
    counters = (await report(client)).counters
    assert (counters["completed"], counters.get("lost", 0)) == (200, 0)


async def test_a_second_signal_hands_back_at_once(
    fleet: Fleet, jobs: Producer, redis_url: str, tmp_path: Path
) -> None:
    """The grace period would outlast the test."""
    worker = await fleet.start(redis_url, lease_ms=LEASE_MS, grace_ms=600_000)
    job = await jobs.enqueue(Gate(path=tmp_path / "never"))
    await wait_until(lambda: fleet.effects.jobs("start"), "it runs")

    worker.send(signal.SIGTERM)
    await worker.says("worker_shutdown_started")
    assert (await jobs.get(job.id)).state is State.RUNNING
    worker.send(signal.SIGINT)

    assert worker.program.wait() == 0
    view = await jobs.get(job.id)
    assert (view.state, view.released, view.attempt) == (State.READY, 1, 1)
    await jobs.cancel(job.id)


async def test_an_idle_worker_ends_without_waiting(
    fleet: Fleet, client: Redis, redis_url: str
) -> None:
    worker = await fleet.start(redis_url, grace_ms=600_000)

    assert worker.program.terminate() == 0
    assert (await report(client)).consumers == ()


async def test_a_handler_that_ignores_its_cancellation_is_left_behind_with_the_process(
    fleet: Fleet, jobs: Producer, redis_url: str, tmp_path: Path
) -> None:
    """Its job is taken over after a lease, and counts as lost."""
    stuck = await fleet.start(redis_url, "stuck", lease_ms=1_000, grace_ms=0)
    job = await jobs.enqueue(Stubborn(path=tmp_path / "gate"))
    await wait_until(lambda: fleet.effects.jobs("start"), "it runs")

    stuck.send(signal.SIGTERM)
    assert stuck.program.wait() == EXIT_STUCK
    assert "ignores its cancellation" in stuck.events("worker_stuck")[0]["hint"]

    (tmp_path / "gate").touch()
    other = await fleet.start(redis_url, "other", lease_ms=1_000)
    await other.says("job_completed")
    view = await jobs.get(job.id)
    assert texts(view.history, "outcome") == ["lost", "completed"]
    assert texts(view.history, "consumer") == [stuck.consumer, other.consumer]


async def test_a_worker_ends_well_while_its_server_is_gone(
    fleet: Fleet, own_server: EmbeddedServer
) -> None:
    """Deploys come in storms: a server that restarts must not make workers crash."""
    worker = await fleet.start(own_server.url)
    own_server.stop()
    await worker.says("fetch_failed")

    worker.send(signal.SIGTERM)

    assert worker.program.wait() == 0
    assert "Traceback" not in worker.program.output()
    assert _last(worker) == "worker_shutdown_complete"


async def test_a_server_that_has_stopped_answering_does_not_keep_a_worker_from_ending(
    fleet: Fleet, redis_url: str
) -> None:
    """Its reads would wait for fifteen seconds; a supervisor is not that patient."""
    async with Proxy(redis_url) as proxy:
        worker = await fleet.start(proxy.url, grace_ms=1_000)
        # In its read: a worker that has just not begun one ends well, and at once.
        await proxy.next("XREADGROUP")
        proxy.set(Mode.BLACKHOLE)
        worker.send(signal.SIGTERM)
        signalled = await worker.says("signal_received")
        status = await anyio.to_thread.run_sync(worker.program.wait)
        last = worker.events()[-1]

    assert status == EXIT_STUCK
    took = datetime.fromisoformat(last["timestamp"]) - datetime.fromisoformat(
        signalled["timestamp"]
    )
    assert took < timedelta(seconds=10)


def _last(worker: WorkerProcess) -> str:
    return str(worker.events()[-1]["event"])


def _int(value: object) -> int:
    assert isinstance(value, int)
    return value
