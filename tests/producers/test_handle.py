"""A job by its id: asked, waited for, ended, and made to run again."""

from datetime import timedelta
from typing import ClassVar

import pytest

from producers.client import Producer
from producers.errors import RetryRefusedError
from producers.payloads.base import Payload
from streams.cancel import Cancellation
from streams.errors import UnknownJobError
from streams.progress import note_progress
from streams.settle import Verdict
from streams.state import State
from tests.support.queues import QueueUnderTest, row

pytestmark = pytest.mark.leaves_jobs

SOON = timedelta(seconds=15)


class Echo(Payload):
    """Says nothing."""

    kind: ClassVar[str] = "test.echo"


async def died(jobs: Producer, queue: QueueUnderTest, *, unique: str = "u") -> None:
    """A job `a` that is dead."""
    await jobs.enqueue(Echo(), id="a", unique=unique)
    await queue.settle(await queue.fetch_one(), Verdict.DEAD, detail="no luck", attempt=row(1))


async def test_a_handle_tells_where_its_job_is_from_the_first_to_the_last(
    jobs: Producer, queue: QueueUnderTest
) -> None:
    job = jobs.job((await jobs.enqueue(Echo(), id="a")).id)

    seen = [await job.status()]
    delivery = await queue.fetch_one()
    seen.append(await job.status())
    await queue.settle(delivery, Verdict.COMPLETED, detail=b"7")
    seen.append(await job.status())

    assert seen == [State.READY, State.RUNNING, State.COMPLETED]
    assert await job.result(timeout=SOON) == 7
    assert (await job.view()).id == job.id == "a"
    assert repr(job) == f"<job 'a' of {jobs.queue!r}>"


async def test_progress_is_what_the_handler_has_said_last(
    jobs: Producer, queue: QueueUnderTest
) -> None:
    job = jobs.job((await jobs.enqueue(Echo(), id="a")).id)
    delivery = await queue.fetch_one()
    before = await job.progress()
    await note_progress(queue.server, queue.keys, delivery, 0.25, "a quarter")

    progress = await job.progress()

    assert before is None
    assert progress is not None
    assert (progress.fraction, progress.message) == (0.25, "a quarter")


async def test_a_dead_job_runs_again_with_its_history_and_who_asked_for_it(
    jobs: Producer, queue: QueueUnderTest
) -> None:
    await died(jobs, queue)

    await jobs.job("a").retry(by="Ada")

    view = await jobs.get("a")
    assert (view.state, view.attempt, view.replayed_by) == (State.READY, 1, "Ada")
    assert [each["outcome"] for each in view.history] == ["error", "replayed"]
    await queue.settle(await queue.fetch_one(), Verdict.COMPLETED, detail=b"1")
    assert await jobs.job("a").result(timeout=SOON) == 1


async def test_only_a_dead_job_can_be_retried(jobs: Producer) -> None:
    await jobs.enqueue(Echo(), id="a")

    with pytest.raises(RetryRefusedError, match="'a' cannot run again: it is ready, not dead"):
        await jobs.job("a").retry()


async def test_a_retry_says_what_is_in_its_way(jobs: Producer, queue: QueueUnderTest) -> None:
    await died(jobs, queue)
    await jobs.enqueue(Echo(), id="other", unique="u")

    with pytest.raises(RetryRefusedError, match="another job holds its unique key"):
        await jobs.job("a").retry()

    await queue.client.delete(queue.keys.dead)
    with pytest.raises(RetryRefusedError, match="deleted its dead letter"):
        await jobs.job("a").retry()
    assert await jobs.job("a").status() is State.DEAD


async def test_a_handle_of_a_job_that_nobody_knows_says_so(jobs: Producer) -> None:
    job = jobs.job("nobody")

    for question in (job.view, job.status, job.progress, job.retry):
        with pytest.raises(UnknownJobError, match="no record of the job 'nobody'"):
            await question()
    assert await job.cancel() is Cancellation.UNKNOWN
