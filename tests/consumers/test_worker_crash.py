"""Workers that are killed, frozen or blocked: every job ends once, and nothing is lost."""

import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from producers.client import Producer
from producers.order import new_job
from streams.keys import GROUP
from streams.priority import Priority
from streams.state import State
from tests.consumers.support.fleet import KEYS, Fleet, records, report, texts, until_idle
from tests.consumers.support.kinds import Blocking, Gate, Note, Sleep
from tests.support.waiting import wait_until

SOON = timedelta(seconds=20)
#: The shortest that a worker takes.
LEASE_MS = 1_000
#: A sweep comes every 0.75 to 1.25 s; the rest is for a busy machine.
SWEEP_MS = 3_000


async def test_a_worker_killed_in_the_middle_of_three_hundred_jobs_costs_one_lease_and_no_job(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str
) -> None:
    first = fleet.launch(redis_url, "first", lease_ms=LEASE_MS)
    second = fleet.launch(redis_url, "second", lease_ms=LEASE_MS)
    for worker in (first, second):
        await worker.says("worker_started", timeout_s=30)
    ids = [f"job-{number}" for number in range(300)]
    await jobs.enqueue_many(new_job(Sleep(ms=20), id=job_id) for job_id in ids)
    await wait_until(lambda: fleet.effects.jobs("end")[60:], "a fifth is done")

    victim = first.consumer

    async def stands_still_with_jobs() -> bool:
        """Between two fetches it has none, and would lose none."""
        first.send(signal.SIGSTOP)
        rows: Any = await client.xpending_range(
            KEYS.stream(Priority.NORMAL), GROUP, "-", "+", 1, consumername=victim
        )
        if not rows:
            first.send(signal.SIGCONT)
        return bool(rows)

    await wait_until(stands_still_with_jobs, "it is stopped in the middle")
    first.program.kill()
    await until_idle(client)

    # Each is accounted for, once.
    assert set(await records(client, ids, "state")) == {("completed",)}
    counters = (await report(client)).counters
    assert (counters["completed"], counters.get("dead", 0)) == (300, 0)
    ended = fleet.effects.jobs("end")
    assert set(ended) == set(ids)
    # What the victim had in hand ran again, and only that.
    started = fleet.effects.jobs("start")
    interrupted = {job for job in started if started.count(job) > 1}
    assert len(interrupted) <= 4
    assert 1 <= counters["lost"] <= 8
    for job in interrupted:
        view = await jobs.get(job)
        assert texts(view.history, "outcome") == ["lost", "completed"]
        assert texts(view.history, "consumer") == [victim, second.consumer]
        assert (view.attempt, view.losses) == (1, 1)
        assert LEASE_MS <= _number(view.history[0], "silent_ms") <= LEASE_MS + SWEEP_MS


async def test_a_job_is_taken_over_by_a_worker_that_has_no_free_slot_at_first(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str, tmp_path: Path
) -> None:
    """The queue never runs dry here: what lapsed must not wait for the end of the backlog."""
    first = await fleet.start(redis_url, "first", concurrency=1, lease_ms=LEASE_MS)
    lost = await jobs.enqueue(Gate(path=tmp_path / "gate"), priority="critical")
    await wait_until(lambda: fleet.effects.jobs("start"), "the job runs")
    first.program.kill()
    (tmp_path / "gate").touch()
    await jobs.enqueue_many(new_job(Sleep(ms=25), priority="low") for _ in range(100))

    await fleet.start(redis_url, "second", concurrency=1, lease_ms=LEASE_MS)
    await until_idle(client)

    ended = fleet.effects.jobs("end")
    assert len(ended) == 101
    assert ended.index(lost.id) < 90


async def test_jobs_that_are_taken_over_need_slots_too(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    first = await fleet.start(redis_url, "first", concurrency=4, lease_ms=LEASE_MS)
    await jobs.enqueue_many(new_job(Gate(path=gate)) for _ in range(4))
    await wait_until(lambda: fleet.effects.jobs("start")[3:], "all run")
    first.program.kill()

    second = await fleet.start(redis_url, "second", concurrency=1, lease_ms=LEASE_MS)
    await second.says("job_claimed")
    await jobs.enqueue_many(new_job(Gate(path=gate)) for _ in range(4))
    await wait_until(lambda: fleet.effects.jobs("start")[4:], "what was claimed runs")
    # Two blocking reads of an idle worker: whatever it fetches too much has arrived.
    await _until_later(client, 1_500)
    assert len(fleet.effects.jobs("start")) == 5

    gate.touch()
    await until_idle(client)
    running = most = 0
    for row in fleet.effects.rows():
        if row["pid"] == second.pid:
            running += 1 if row["step"] == "start" else -1
            most = max(most, running)
    assert most == 1


async def test_a_frozen_worker_is_fenced_when_it_thaws(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str, tmp_path: Path
) -> None:
    """The zombie finishes its handler before it can learn that it has lost the lease."""
    gate = tmp_path / "gate"
    zombie = await fleet.start(redis_url, "zombie", lease_ms=LEASE_MS)
    job = await jobs.enqueue(Blocking(path=gate))
    await wait_until(lambda: fleet.effects.jobs("start"), "the job runs")
    zombie.send(signal.SIGSTOP)
    healthy = await fleet.start(redis_url, "healthy", lease_ms=LEASE_MS)
    await wait_until(lambda: fleet.effects.jobs("start")[1:], "the job runs elsewhere")
    gate.touch()
    await jobs.result(job.id, timeout=SOON)

    zombie.send(signal.SIGCONT)
    fenced = await zombie.says("outcome_fenced")

    assert fenced["job_id"] == job.id
    view = await jobs.get(job.id)
    assert (view.state, view.attempt, view.losses) == (State.COMPLETED, 1, 1)
    assert texts(view.history, "outcome") == ["lost", "completed"]
    assert texts(view.history, "consumer") == [zombie.consumer, healthy.consumer]
    assert _number(view.history[0], "silent_ms") >= LEASE_MS
    counters = (await report(client)).counters
    assert (counters["completed"], counters["fenced"]) == (1, 1)
    fences = fleet.effects.fences()
    assert fences == sorted(set(fences))
    # It has survived, and works on.
    assert await jobs.result((await jobs.enqueue(Note())).id, timeout=SOON)


async def test_a_thawed_worker_stops_the_handlers_whose_leases_it_has_lost(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    zombie = await fleet.start(redis_url, "zombie", lease_ms=LEASE_MS)
    job = await jobs.enqueue(Gate(path=gate))
    await wait_until(lambda: fleet.effects.jobs("start"), "the job runs")
    zombie.send(signal.SIGSTOP)
    healthy = await fleet.start(redis_url, "healthy", lease_ms=LEASE_MS)
    await wait_until(lambda: fleet.effects.jobs("start")[1:], "the job runs elsewhere")

    zombie.send(signal.SIGCONT)
    lost = await zombie.says("job_lost")
    gate.touch()
    await jobs.result(job.id, timeout=SOON)

    assert (lost["job_id"], lost["consumer"]) == (job.id, zombie.consumer)
    assert [row["pid"] for row in fleet.effects.rows("end")] == [healthy.pid]
    assert (await report(client)).counters.get("fenced", 0) == 0


async def test_a_blocked_event_loop_keeps_its_leases_and_is_reported(
    fleet: Fleet, jobs: Producer, redis_url: str, tmp_path: Path
) -> None:
    blocked = await fleet.start(
        redis_url,
        "blocked",
        lease_ms=LEASE_MS,
        environment={"MILLSTREAM_WORKER_METRICS_PORT": "0"},
    )
    job = await jobs.enqueue(Blocking(path=tmp_path / "gate"))
    await wait_until(lambda: fleet.effects.jobs("start"), "the job runs")
    await fleet.start(redis_url, "neighbour", lease_ms=LEASE_MS)

    warning = await blocked.says("event_loop_blocked")
    assert warning["running_kinds"] == "test.blocking"
    assert (await blocked.get("/metrics"))[0] == 200
    (tmp_path / "gate").touch()
    await jobs.result(job.id, timeout=SOON)

    assert texts((await jobs.get(job.id)).history, "outcome") == ["completed"]
    assert len(fleet.effects.jobs("start")) == 1


async def test_a_handler_that_blocks_beyond_its_deadline_loses_its_job_to_another_worker(
    fleet: Fleet, jobs: Producer, redis_url: str, tmp_path: Path
) -> None:
    """Or a job that hangs would be kept for ever by a heartbeat that lives."""
    gate = tmp_path / "gate"
    stuck = await fleet.start(redis_url, "stuck", lease_ms=LEASE_MS)
    job = await jobs.enqueue(Blocking(path=gate), timeout=timedelta(seconds=1))
    await wait_until(lambda: fleet.effects.jobs("start"), "the job runs")
    await fleet.start(redis_url, "healthy", lease_ms=LEASE_MS)

    await wait_until(lambda: fleet.effects.jobs("start")[1:], "the job runs elsewhere")
    gate.touch()
    await jobs.result(job.id, timeout=SOON)
    await stuck.says("outcome_fenced")

    view = await jobs.get(job.id)
    assert texts(view.history, "outcome")[0] == "lost"
    assert view.history[0]["consumer"] == stuck.consumer


def _number(row: Any, name: str) -> int:
    value = row[name]
    assert isinstance(value, int)
    return value


async def _until_later(client: Redis, ms: int) -> None:
    """Wait on the server's clock."""
    begin = await client.time()

    async def is_later() -> bool:
        now = await client.time()
        return (now[0] - begin[0]) * 1000 + (now[1] - begin[1]) // 1000 >= ms

    await wait_until(is_later, f"{ms} ms later")
