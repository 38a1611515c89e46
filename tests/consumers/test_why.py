"""What `why` says of jobs beside a worker that really runs."""

import signal
from pathlib import Path

import pytest
from redis.asyncio import Redis

from producers.client import Producer
from streams.enqueue import enqueue
from streams.job import NewJob
from streams.server import Server
from streams.why.explain import why
from streams.why.explanation import Explanation, Reason
from tests.consumers.support.fleet import KEYS, Fleet
from tests.consumers.support.kinds import Gate, Note
from tests.support.waiting import wait_until

pytestmark = pytest.mark.leaves_jobs


async def test_a_job_is_explained_from_its_enqueue_to_the_death_of_its_worker(
    fleet: Fleet, jobs: Producer, client: Redis, redis_url: str, tmp_path: Path
) -> None:
    async def ask(job_id: str) -> Explanation:
        return await why(Server(client), KEYS, job_id)

    async def is_told(job_id: str, reason: Reason) -> None:
        async def told() -> bool:
            return (await ask(job_id)).reason is reason

        await wait_until(told, f"{job_id} is explained by {reason}")

    await jobs.enqueue(Gate(path=tmp_path / "gate"), id="long")
    assert (await ask("long")).reason is Reason.NO_WORKER

    worker = await fleet.start(redis_url, concurrency=1, lease_ms=1_000)
    await is_told("long", Reason.RUNNING)
    answer = await ask("long")
    assert (answer.facts["consumer"], answer.facts["lease_ms"]) == (worker.consumer, 1_000)
    assert answer.facts["pid"] == worker.pid

    await jobs.enqueue(Note(text="a"), id="behind")
    await is_told("behind", Reason.WORKERS_BUSY)
    await enqueue(Server(client), KEYS, [NewJob(kind="test.unheard", payload=b"{}", id="strange")])
    await is_told("strange", Reason.KIND_UNKNOWN)

    worker.send(signal.SIGKILL)
    await is_told("long", Reason.LAPSED)
    assert "no other worker lives" in (await ask("long")).sentence
    (tmp_path / "gate").touch()
    await fleet.start(redis_url, "second", lease_ms=1_000)
    await is_told("long", Reason.COMPLETED)
    assert (await ask("long")).facts["losses"] == 1
    await is_told("strange", Reason.PARKED)
