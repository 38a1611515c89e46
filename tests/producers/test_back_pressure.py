"""A full queue is waited for by those who ask for that, and never without end."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import ClassVar

import anyio
import pytest

from producers.batch import LINGER_S, BatchReport, calls_of
from producers.blocking import BlockingProducer
from producers.client import Producer
from producers.errors import QueueStayedFullError
from producers.order import new_job
from producers.payloads.base import Payload
from streams.enqueue import BATCH_MAX
from streams.errors import QueueFullError
from streams.job import NewJob
from streams.settle import Verdict
from tests.support.queues import QueueUnderTest

pytestmark = pytest.mark.leaves_jobs

SOON = timedelta(seconds=15)
SHORTLY = timedelta(milliseconds=30)


class Echo(Payload):
    """Says a number."""

    kind: ClassVar[str] = "test.echo"

    number: int = 0


@pytest.fixture
async def narrow(redis_url: str, queue: QueueUnderTest) -> AsyncIterator[Producer]:
    """A producer for a queue that may hold two jobs."""
    async with Producer.connect(redis_url, queue=queue.keys.queue, length_max=2) as jobs:
        yield jobs


def numbered(count: int) -> Iterator[NewJob]:
    return (new_job(Echo(number=n), id=str(n)) for n in range(count))


async def work_off(queue: QueueUnderTest, count: int) -> list[str]:
    """Run jobs as they come, in their order."""
    done: list[str] = []
    while len(done) < count:
        for delivery in await queue.fetch(slots=1):
            await queue.settle(delivery, Verdict.COMPLETED)
            done.append(delivery.id)
        await anyio.lowlevel.checkpoint()
    return done


async def test_one_job_waits_for_room(narrow: Producer, queue: QueueUnderTest) -> None:
    await narrow.enqueue_many(numbered(2))
    sent: list[str] = []

    async def send() -> None:
        sent.append((await narrow.enqueue(Echo(), id="late", wait=SOON)).id)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(send)
        await anyio.wait_all_tasks_blocked()
        assert sent == []
        assert await work_off(queue, 3) == ["0", "1", "late"]

    assert sent == ["late"]


async def test_the_wait_has_an_end_which_says_how_full_the_queue_is_and_for_how_long(
    narrow: Producer, queue: QueueUnderTest
) -> None:
    await narrow.enqueue_many(numbered(2))

    with pytest.raises(QueueStayedFullError) as refusal:
        await narrow.enqueue(Echo(), id="late", wait=SHORTLY)

    assert isinstance(refusal.value, QueueFullError)
    assert isinstance(refusal.value, TimeoutError)
    assert str(refusal.value).startswith("for 0.03 s the queue 'test' holds 2 jobs and may hold 2")
    assert (refusal.value.length, refusal.value.length_max) == (2, 2)
    assert refusal.value.waited == SHORTLY
    assert await queue.record("late") == {}


async def test_where_there_is_room_nobody_waits(narrow: Producer) -> None:
    answer = await narrow.enqueue(Echo(), wait=timedelta(0))
    assert answer.is_new
    with pytest.raises(QueueStayedFullError):
        await narrow.enqueue_many(numbered(2), wait=timedelta(0))


async def test_many_go_in_as_there_is_room_in_their_order_and_none_is_refused(
    narrow: Producer, queue: QueueUnderTest
) -> None:
    reports: list[BatchReport] = []

    async def send() -> None:
        reports.append(await narrow.enqueue_many(numbered(30), wait=SOON))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(send)
        done = await work_off(queue, 30)

    assert done == [str(n) for n in range(30)]
    assert reports == [BatchReport(accepted=30)]


async def test_many_that_find_no_room_for_long_are_an_error_and_what_is_in_stays(
    narrow: Producer, queue: QueueUnderTest
) -> None:
    with pytest.raises(QueueStayedFullError):
        await narrow.enqueue_many(numbered(5), wait=SHORTLY)

    assert [each.id for each in await queue.fetch()] == ["0", "1"]


def test_threads_may_wait_too(redis_url: str) -> None:
    with BlockingProducer.connect(redis_url, queue="test", length_max=1) as jobs:
        jobs.enqueue(Echo(), wait=SHORTLY)
        with pytest.raises(QueueStayedFullError):
            jobs.enqueue(Echo(), wait=SHORTLY)
        with pytest.raises(QueueStayedFullError):
            jobs.enqueue_many(numbered(1), wait=SHORTLY)


async def test_progress_is_told_after_every_call(jobs: Producer) -> None:
    told: list[BatchReport] = []
    await jobs.enqueue_many(numbered(10))

    report = await jobs.enqueue_many(numbered(2 * BATCH_MAX + 1), progress=told.append)

    assert [each.total for each in told] == [BATCH_MAX, 2 * BATCH_MAX, 2 * BATCH_MAX + 1]
    assert told[0] == BatchReport(accepted=BATCH_MAX - 10, existing=10)
    assert told[-1] == report


async def test_many_may_come_from_an_asynchronous_source(
    jobs: Producer, queue: QueueUnderTest
) -> None:
    async def source() -> AsyncIterator[NewJob]:
        for each in numbered(2 * BATCH_MAX + 1):
            await anyio.lowlevel.checkpoint()
            yield each

    report = await jobs.enqueue_many(source())

    assert report == BatchReport(accepted=2 * BATCH_MAX + 1)
    fetched = [each.id for _ in range(3) for each in await queue.fetch()]
    assert fetched == [str(n) for n in range(2 * BATCH_MAX + 1)]


async def test_what_a_slow_source_has_brought_goes_without_the_rest(
    jobs: Producer, queue: QueueUnderTest
) -> None:
    """The second job comes only once the first one has arrived."""
    arrived = asyncio.Event()

    async def source() -> AsyncIterator[NewJob]:
        yield new_job(Echo(), id="first")
        await arrived.wait()
        yield new_job(Echo(), id="second")

    def tell(report: BatchReport) -> None:
        if report.accepted == 1:
            arrived.set()

    with anyio.fail_after(SOON.total_seconds()):
        assert (await jobs.enqueue_many(source(), wait=SOON, progress=tell)).accepted == 2
    assert LINGER_S < 1
    assert [each.id for each in await queue.fetch()] == ["first", "second"]


async def test_the_error_of_a_source_ends_the_call_and_the_source_is_closed(
    jobs: Producer,
) -> None:
    closed: list[bool] = []

    async def source() -> AsyncIterator[NewJob]:
        try:
            yield new_job(Echo())
            raise LookupError("no more")
        finally:
            closed.append(True)

    with pytest.raises(LookupError, match="no more"):
        await jobs.enqueue_many(source())
    assert closed == [True]


@pytest.mark.parametrize("count", [0, 1, BATCH_MAX, BATCH_MAX + 1])
async def test_both_kinds_of_sources_are_taken_apart_alike(count: int) -> None:
    async def source() -> AsyncIterator[NewJob]:
        for each in numbered(count):
            yield each

    plain = [[job.id for job in call] async for call in calls_of(numbered(count))]
    slow = [[job.id for job in call] async for call in calls_of(source())]

    assert plain == slow
