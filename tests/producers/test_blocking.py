"""Asking for work from threads: the same answers, and the same errors."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import ClassVar

import anyio
import pytest
from redis.asyncio import Redis

from producers.blocking import BlockingProducer
from producers.errors import RetryRefusedError
from producers.order import new_job
from producers.payloads.base import Payload
from streams.cancel import Cancellation
from streams.errors import InvalidJobError, QueueFullError, ServerUnavailableError
from streams.state import State
from tests.support.waiting import wait_until

pytestmark = pytest.mark.leaves_jobs

SOON = timedelta(seconds=15)


class Echo(Payload):
    """Says a number."""

    kind: ClassVar[str] = "test.echo"

    number: int = 0


def test_every_call_has_its_answer(redis_url: str) -> None:
    with BlockingProducer.connect(redis_url, queue="test") as jobs:
        answer = jobs.enqueue(Echo(), id="a", delay=timedelta(hours=1))
        report = jobs.enqueue_many(new_job(Echo(number=n)) for n in range(250))
        job = jobs.job("a")

        assert (jobs.queue, answer.id, report.accepted, job.id) == ("test", "a", 250, "a")
        assert jobs.get("a").state is State.DELAYED
        with pytest.raises(RetryRefusedError, match="it is delayed"):
            job.retry()
        with pytest.raises(TimeoutError):
            job.result(timeout=timedelta(milliseconds=20))
        with pytest.raises(TimeoutError):
            jobs.result("a", timeout=timedelta(milliseconds=20))
        assert job.cancel() is Cancellation.CANCELLED
        assert jobs.cancel("a") is Cancellation.ENDED
        assert job.view().state is State.CANCELLED


def test_threads_share_one_producer_and_no_job_is_lost(redis_url: str) -> None:
    with (
        BlockingProducer.connect(redis_url, queue="test") as jobs,
        ThreadPoolExecutor(8) as threads,
    ):
        sent = threads.map(jobs.enqueue, [Echo(number=n) for n in range(200)])
        ids = [each.id for each in sent]

        assert len(set(ids)) == 200
        assert {jobs.get(each).state for each in ids} == {State.READY}


def test_errors_are_those_of_the_other_producer(redis_url: str) -> None:
    with BlockingProducer.connect(redis_url, queue="test", length_max=1) as jobs:
        jobs.enqueue(Echo())
        with pytest.raises(QueueFullError, match="holds 1 jobs and may hold 1"):
            jobs.enqueue(Echo())
        with pytest.raises(InvalidJobError, match="attempts"):
            jobs.enqueue(Echo(), attempts=0)
    with (
        pytest.raises(ServerUnavailableError),
        BlockingProducer.connect("redis://127.0.0.1:1", queue="test"),
    ):
        pytest.fail("it was opened")


async def test_it_leaves_no_connection_behind(redis_url: str, client: Redis) -> None:
    def use() -> None:
        with BlockingProducer.connect(redis_url, queue="test") as jobs:
            jobs.enqueue(Echo())

    await anyio.to_thread.run_sync(use)

    async def none_left() -> bool:
        return not [each for each in await client.client_list() if each["name"] == "millstream"]

    await wait_until(none_left, "the server has seen the connection end")
