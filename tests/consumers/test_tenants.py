"""Workers of a queue that tenants share in turn."""

from datetime import timedelta

import pytest
from redis.asyncio import Redis

from producers.client import Producer
from producers.order import new_job
from streams.backlog import WINDOW
from streams.enqueue import Acceptance
from streams.inspection import inspect_queue
from streams.state import State
from tests.consumers.support.fleet import KEYS, Fleet
from tests.consumers.support.kinds import Note

SOON = timedelta(seconds=60)
MANY = 2_000


@pytest.mark.parametrize("workers", [1, 2])
async def test_one_job_behind_a_thousand_of_another_tenant_is_not_behind_them(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str, workers: int
) -> None:
    manager = jobs.manager()
    await manager.share()
    await jobs.enqueue_many(new_job(Note(), meta={"tenant_id": "many"}) for _ in range(MANY))
    one = await jobs.enqueue(Note(text="one"), meta={"tenant_id": "one"})
    assert one.acceptance is Acceptance.QUEUED
    assert await jobs.job(one.id).status() is State.QUEUED
    slots = 0
    for name in ("alpha", "beta")[:workers]:
        worker = await fleet.start(redis_url, name)
        slots += worker.events("worker_started")[0]["concurrency"]

    await manager.wait_until_empty(timeout=SOON)

    at = await ended_before(client, one.id)
    # One round, what the stream held, what the workers had, and what ended at the same moment.
    assert at <= WINDOW + 2 + 2 * slots + 100
    report = await inspect_queue(client, KEYS)
    assert (report.queued, report.counters["completed"]) == (0, MANY + 1)
    assert await client.exists(KEYS.backlog, KEYS.turns) == 0


async def ended_before(client: Redis, job_id: str) -> int:
    """How many jobs had ended when this one did."""
    ended = {}
    async for key in client.scan_iter(KEYS.job("*"), count=1000):
        ended[key.decode()] = int(await client.hget(key, "ended_ms") or 0)
    return sum(each <= ended[KEYS.job(job_id)] for each in ended.values()) - 1


async def test_what_came_while_the_level_was_paused_runs_after_it(
    fleet: Fleet, jobs: Producer, redis_url: str
) -> None:
    manager = jobs.manager()
    await manager.share(window=3)
    await manager.pause()
    await fleet.start(redis_url, "alpha")
    await jobs.enqueue_many(
        new_job(Note(), meta={"tenant_id": f"{number % 3}"}) for number in range(30)
    )
    depth = (await manager.statistics()).depth
    assert depth.waiting == 30

    await manager.resume()
    await manager.wait_until_empty(timeout=SOON)
