"""A worker whose queue is paused, drained or looked into while it lives."""

from datetime import timedelta

import pytest
from redis.asyncio import Redis

from producers.client import Producer
from producers.errors import JobFailedError
from producers.order import new_job
from streams.inspection import inspect_queue
from streams.server import Server
from streams.state import State
from streams.statistics import read_statistics
from tests.consumers.support.fleet import KEYS, Fleet, until_idle
from tests.consumers.support.kinds import Failing, Note, Sleep
from tests.support.waiting import wait_until

SOON = timedelta(seconds=20)


async def test_a_paused_worker_finishes_what_it_runs_and_takes_the_rest_after_the_pause(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str
) -> None:
    worker = await fleet.start(redis_url, "alpha")
    manager = jobs.manager()
    running = await jobs.enqueue(Sleep(ms=500))
    await worker.says("job_processing_started")
    await manager.pause(by="ada")
    await jobs.enqueue_many(new_job(Note(text=f"{n}")) for n in range(20))

    await jobs.result(running.id, timeout=SOON)
    await worker.says("queue_paused")
    depth = (await manager.statistics()).depth
    assert (depth.waiting, depth.active) == (20, 0)
    assert (await inspect_queue(client, KEYS)).undelivered == 20

    await manager.resume()
    await worker.says("queue_resumed")
    await manager.wait_until_empty(timeout=SOON)


async def test_an_idle_worker_takes_nothing_that_comes_in_a_pause(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str
) -> None:
    """It sleeps in a blocking read when the pause begins."""
    worker = await fleet.start(redis_url, "alpha")

    async def sleeps() -> bool:
        return bool((await client.info("clients"))["blocked_clients"])

    await wait_until(sleeps, "the worker sleeps in a read")
    await jobs.manager().pause()
    job = await jobs.enqueue(Note(text="while it sleeps"))
    await worker.says("queue_paused")

    assert await jobs.job(job.id).status() is State.READY
    assert worker.events("job_processing_started") == []
    await jobs.manager().resume()
    await jobs.result(job.id, timeout=SOON)


async def test_a_level_that_is_paused_waits_while_the_others_run(
    fleet: Fleet, jobs: Producer, redis_url: str
) -> None:
    await jobs.manager().pause("normal")
    await fleet.start(redis_url, "alpha")
    waits = await jobs.enqueue(Note(text="waits"))

    for _ in range(3):
        low = await jobs.enqueue(Note(text="runs"), priority="low")
        await jobs.result(low.id, timeout=SOON)

    assert await jobs.job(waits.id).status() is State.READY
    await jobs.manager().resume()
    await jobs.result(waits.id, timeout=SOON)


async def test_a_worker_is_told_to_end_in_a_pause(
    fleet: Fleet, jobs: Producer, redis_url: str
) -> None:
    worker = await fleet.start(redis_url, "alpha")
    await jobs.manager().pause()
    await worker.says("queue_paused")

    fleet.stop()

    assert worker.events("worker_shutdown_complete")
    await jobs.manager().resume()


async def test_workers_empty_a_queue_that_drains_retries_included(
    fleet: Fleet, jobs: Producer, redis_url: str
) -> None:
    await jobs.enqueue_many(new_job(Note(text=f"{n}")) for n in range(50))
    failing = await jobs.enqueue(Failing(times=1, message="once"))
    await jobs.manager().drain()
    await fleet.start(redis_url, "alpha")

    await jobs.manager().wait_until_empty(timeout=SOON)

    assert await jobs.job(failing.id).status() is State.COMPLETED


async def test_the_statistics_tell_how_jobs_ran(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str
) -> None:
    await fleet.start(redis_url, "alpha")
    slow = await jobs.enqueue(Sleep(ms=300))
    dead = await jobs.enqueue(Failing(times=9, message="never"), attempts=1)
    await jobs.result(slow.id, timeout=SOON)
    with pytest.raises(JobFailedError):
        await jobs.result(dead.id, timeout=SOON)
    await until_idle(client)

    runs = await read_statistics(Server(client), KEYS, minutes=5)

    assert (runs.completed, runs.failed, runs.success_rate) == (1, 1, 0.5)
    assert runs.p99_ms is not None
    assert runs.p99_ms >= 250
