"""A worker as a process, with a real Redis: what happens to jobs when nothing breaks."""

import socket
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from redis.asyncio import Redis

from producers.client import Producer
from producers.errors import JobFailedError
from producers.order import new_job
from streams.cancel import Cancellation
from streams.replay import Replayed, replay
from streams.server import Server
from streams.state import State
from tests.consumers.support.fleet import KEYS, Fleet, letters, report, texts, until_idle
from tests.consumers.support.kinds import Failing, Gate, Leaving, Note, Sleep
from tests.support.waiting import wait_until

SOON = timedelta(seconds=20)


async def test_a_job_runs_and_its_result_can_be_had(
    fleet: Fleet, jobs: Producer, redis_url: str
) -> None:
    waiting = await jobs.enqueue(Note(text="before any worker"), meta={"tenant": "a"})
    worker = await fleet.start(redis_url, "alpha")
    later = await jobs.enqueue(Note(text="to an idle worker"))

    assert await jobs.result(waiting.id, timeout=SOON) == {
        "text": "before any worker",
        "meta": {"tenant": "a"},
    }
    assert await jobs.result(later.id, timeout=SOON) == {"text": "to an idle worker", "meta": {}}

    view = await jobs.get(later.id)
    [attempt] = view.history
    assert (view.state, view.attempt, attempt["attempt"]) == (State.COMPLETED, 1, 1)
    assert (attempt["outcome"], attempt["consumer"]) == ("completed", worker.consumer)
    assert attempt["host"] == socket.gethostname()
    assert attempt["version"]
    assert "error" not in attempt


async def test_a_worker_says_what_it_does_in_json_and_no_password(
    fleet: Fleet, jobs: Producer, redis_url: str
) -> None:
    """The default user of a Redis without passwords takes any: the canary is in the URL."""
    url = redis_url.replace("redis://", "redis://default:canary@")
    worker = await fleet.start(url, "alpha")
    job = await jobs.enqueue(Failing(times=1, message=f"no luck at {url}"))
    await jobs.result(job.id, timeout=SOON)
    fleet.stop()

    assert texts(worker.events(), "event") == [
        "worker_started",
        "job_processing_started",
        "job_retry_scheduled",
        "job_processing_started",
        "job_completed",
        "signal_received",
        "worker_shutdown_started",
        "worker_drained",
        "worker_shutdown_complete",
    ]
    assert len(worker.events()) == len(worker.program.output().splitlines())
    assert "canary" not in worker.program.output()
    assert "canary" not in (await jobs.get(job.id)).to_json().decode()


async def test_a_worker_that_ends_leaves_no_consumer_behind(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str
) -> None:
    worker = await fleet.start(redis_url, "team:alpha")
    await jobs.result((await jobs.enqueue(Note())).id, timeout=SOON)

    [seen] = (await report(client)).consumers
    assert seen.name == worker.consumer
    assert seen.worker is not None
    assert (seen.worker.name, seen.worker.pid) == ("team:alpha", worker.pid)

    fleet.stop()
    assert (await report(client)).consumers == ()


async def test_a_job_that_fails_is_tried_again_and_keeps_its_history(
    fleet: Fleet, jobs: Producer, redis_url: str
) -> None:
    await fleet.start(redis_url)
    job = await jobs.enqueue(Failing(times=2))

    assert await jobs.result(job.id, timeout=SOON) == {"attempt": 3}

    view = await jobs.get(job.id)
    assert texts(view.history, "outcome") == ["error", "error", "completed"]
    assert texts(view.history, "attempt") == ["1", "2", "3"]
    assert texts(view.history, "message") == ["no luck", "no luck", ""]
    fences = fleet.effects.fences()
    assert fences == sorted(set(fences))


async def test_a_job_that_fails_three_times_is_a_dead_letter_that_tells_the_whole_story(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str
) -> None:
    worker = await fleet.start(redis_url)
    sent = Failing(times=3, message="no luck")
    job = await jobs.enqueue(sent, priority="high", meta={"tenant": "a"})
    with pytest.raises(JobFailedError, match="attempts used up"):
        await jobs.result(job.id, timeout=SOON)

    [letter] = await letters(client)
    assert (letter.id, letter.kind, letter.priority.value) == (job.id, sent.kind, "high")
    assert (letter.cause, letter.last_error) == ("attempts used up", "ValueError: no luck")
    assert Failing.model_validate_json(letter.payload) == sent
    assert orjson.loads(letter.fields["meta"]) == {"tenant": "a"}
    assert len(letter.history) == 3
    for number, attempt in enumerate(letter.history, start=1):
        assert attempt["attempt"] == number
        assert attempt["consumer"] == worker.consumer
        assert attempt["host"] == socket.gethostname()
        assert str(attempt["started_ms"]) <= str(attempt["ended_ms"])
        assert (attempt["outcome"], attempt["error"], attempt["message"]) == (
            "error",
            "ValueError",
            "no luck",
        )
        assert "raise failure(payload.message)" in str(attempt["traceback"])


async def test_a_dead_job_that_is_replayed_runs_again_and_keeps_its_history(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str
) -> None:
    await fleet.start(redis_url)
    job = await jobs.enqueue(Failing(times=3))
    await wait_until(lambda: letters(client), "a dead letter")

    [letter] = await letters(client)
    assert await replay(Server(client), KEYS, letter) is Replayed.READY

    assert await jobs.result(job.id, timeout=SOON) == {"attempt": 1}
    view = await jobs.get(job.id)
    assert (view.state, view.replays) == (State.COMPLETED, 1)
    assert texts(view.history, "outcome") == [
        "error",
        "error",
        "error",
        "replayed",
        "completed",
    ]
    assert texts(view.history, "attempt") == ["1", "2", "3", "", "1"]
    assert await letters(client) == []
    fences = fleet.effects.fences()
    assert fences == sorted(set(fences))


async def test_handlers_that_would_end_a_careless_worker_end_their_own_attempts_only(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str, tmp_path: Path
) -> None:
    await fleet.start(redis_url)
    neighbour = await jobs.enqueue(Gate(path=tmp_path / "gate"))
    for how in Leaving.WAYS:
        await jobs.enqueue(Leaving(how=how), attempts=1)
    await wait_until(lambda: fleet.effects.jobs("start")[4:], "all of them run")
    (tmp_path / "gate").touch()

    assert await jobs.result(neighbour.id, timeout=SOON) == {"attempt": 1}
    await until_idle(client)
    errors = [str(letter.history[-1]["error"]) for letter in await letters(client)]
    assert sorted(errors) == [
        "CancelledError",
        "FileNotFoundError",
        "SystemExit",
        "UnprintableError",
    ]


async def test_a_permanent_error_ends_a_job_and_a_deadline_costs_an_attempt(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str, tmp_path: Path
) -> None:
    await fleet.start(redis_url)
    limit = timedelta(milliseconds=50)
    slow = await jobs.enqueue(Gate(path=tmp_path / "never"), timeout=limit, attempts=2)
    lost = await jobs.enqueue(Failing(times=9, permanently=True, message="no such layer"))
    await until_idle(client)

    found = {letter.id: letter for letter in await letters(client)}
    assert found[lost.id].cause == "permanent error"
    assert texts(found[lost.id].history, "message") == ["no such layer"]
    assert found[slow.id].cause == "attempts used up"
    assert texts(found[slow.id].history, "outcome") == ["timeout", "timeout"]
    assert (
        texts(found[slow.id].history, "message")
        == ["the handler of 'test.gate' took longer than 0.05 s"] * 2
    )


async def test_urgent_jobs_come_first_and_others_still_get_their_share(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str
) -> None:
    """Thirty of each level are there before the worker; it takes one at a time.

    Of thirty jobs in a row at least one is from each level with work.
    """
    await jobs.enqueue_many(
        new_job(Note(), id=f"{level}-{number}", priority=level)
        for level in ("low", "normal", "high", "critical")
        for number in range(30)
    )
    await fleet.start(redis_url, concurrency=1)
    await until_idle(client)

    ran = [job.partition("-")[0] for job in fleet.effects.jobs("start")]
    assert len(ran) == 120
    assert ran[:9] == ["critical"] * 9
    assert set(ran[:30]) == {"critical", "high", "normal", "low"}
    assert ran[:30].count("critical") == 27
    places = {level: [at for at, each in enumerate(ran) if each == level] for level in set(ran)}
    ends = [places[level][-1] for level in ("critical", "high", "normal", "low")]
    assert ends == sorted(ends)


async def test_a_running_job_that_is_cancelled_ends_and_is_no_failure(
    fleet: Fleet, jobs: Producer, redis_url: str, tmp_path: Path
) -> None:
    worker = await fleet.start(redis_url, lease_ms=1_000)
    job = await jobs.enqueue(Gate(path=tmp_path / "never"))
    await wait_until(lambda: fleet.effects.jobs("start"), "the job runs")

    assert await jobs.cancel(job.id) is Cancellation.ASKED
    with pytest.raises(JobFailedError, match="ended as cancelled"):
        await jobs.result(job.id, timeout=SOON)

    view = await jobs.get(job.id)
    assert texts(view.history, "outcome") == ["cancelled"]
    assert len(worker.events("job_cancelled")) == 1
    assert fleet.effects.jobs("end") == []


async def test_a_job_that_fails_while_it_is_asked_to_end_is_not_tried_again(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str, tmp_path: Path
) -> None:
    """The lease is long: the worker learns of the wish only when it records the failure."""
    await fleet.start(redis_url, lease_ms=60_000)
    job = await jobs.enqueue(Gate(path=tmp_path / "gate", then="fail"))
    await wait_until(lambda: fleet.effects.jobs("start"), "the job runs")

    assert await jobs.cancel(job.id) is Cancellation.ASKED
    (tmp_path / "gate").touch()
    await until_idle(client)

    assert (await jobs.get(job.id)).state is State.CANCELLED
    assert len(fleet.effects.jobs("start")) == 1


async def test_no_more_jobs_run_at_a_time_than_there_are_slots(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str
) -> None:
    await jobs.enqueue_many(new_job(Sleep(ms=2)) for _ in range(60))
    await fleet.start(redis_url, concurrency=3)
    await until_idle(client)

    running = most = 0
    for row in fleet.effects.rows():
        running += 1 if row["step"] == "start" else -1
        most = max(most, running)
    assert most == 3


async def test_two_workers_share_the_work_and_each_job_runs_once(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str
) -> None:
    first, second = fleet.launch(redis_url, "first"), fleet.launch(redis_url, "second")
    for worker in (first, second):
        await worker.says("worker_started", timeout_s=30)
    batch = await jobs.enqueue_many(new_job(Sleep(ms=2)) for _ in range(200))
    await until_idle(client)

    ran = fleet.effects.jobs("end")
    assert (batch.accepted, len(ran), len(set(ran))) == (200, 200, 200)
    assert (await report(client)).counters["completed"] == 200
    assert {row["pid"] for row in fleet.effects.rows()} == {first.pid, second.pid}
