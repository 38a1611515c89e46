"""Managing a queue from Python."""

from datetime import timedelta
from typing import ClassVar

import anyio
import pytest

from producers.blocking import BlockingProducer
from producers.blockingmanager import BlockingQueueManager
from producers.client import Producer
from producers.errors import ScheduleError
from producers.manager import QueueManager, RetryReport
from producers.order import new_job
from producers.payloads.base import Payload
from producers.schedule.schedule import schedule_of
from producers.schedule.schedules import Schedules
from streams.clear import Cleared
from streams.errors import ListingError, QueueDrainingError
from streams.letterfilter import LetterFilter
from streams.priority import LEVELS, Priority
from streams.remove import Removal
from streams.reprioritise import Reprioritised
from streams.settle import Outcome, Verdict
from streams.state import State
from tests.support.queues import QueueUnderTest, job

pytestmark = pytest.mark.leaves_jobs

SOON = timedelta(seconds=15)


class Echo(Payload):
    """Says a number."""

    kind: ClassVar[str] = "test.echo"

    number: int = 0


async def test_a_queue_is_paused_and_goes_on(jobs: Producer, queue: QueueUnderTest) -> None:
    manager = jobs.manager()
    await jobs.enqueue(Echo(), id="a", priority="high")

    assert await manager.pause("high", 0, by="ada", reason="a look") == {
        Priority.HIGH,
        Priority.LOW,
    }
    assert await queue.fetch() == []
    assert (await manager.gate()).paused[Priority.HIGH].by == "ada"
    assert await manager.pause() == {Priority.CRITICAL, Priority.NORMAL}
    assert await manager.resume() == {*LEVELS}
    assert (await queue.fetch_one()).id == "a"


async def test_a_queue_that_drains_refuses_with_who_and_when(
    jobs: Producer, queue: QueueUnderTest
) -> None:
    manager = jobs.manager()
    await jobs.enqueue(Echo(), id="a")
    await manager.drain(by="ada", reason="moving")

    with pytest.raises(QueueDrainingError, match=r"it drains since 20.* by ada \(moving\)") as told:
        await jobs.enqueue(Echo())

    assert (told.value.queue, told.value.by) == ("test", "ada")
    assert told.value.since_ms > 0
    assert (await jobs.enqueue(Echo(), id="a")).id == "a", "a repeated call learns of its job"
    report = await jobs.enqueue_many([new_job(Echo(), id="a"), new_job(Echo())])
    assert (report.accepted, report.existing, report.refused) == (0, 1, 1)
    assert len(await queue.entries()) == 1
    assert await manager.reopen()
    assert (await jobs.enqueue(Echo())).is_new


async def test_whoever_drains_can_wait_until_nothing_is_left(
    jobs: Producer, queue: QueueUnderTest
) -> None:
    manager = jobs.manager()
    await jobs.enqueue_many(new_job(Echo()) for _ in range(5))
    await jobs.enqueue(Echo(), delay=timedelta(hours=1))
    await manager.drain()
    with pytest.raises(TimeoutError):
        await manager.wait_until_empty(timeout=timedelta(milliseconds=1))

    async def work() -> None:
        for delivery in await queue.fetch():
            await queue.settle(delivery, Verdict.COMPLETED)

    async with anyio.create_task_group() as working:
        working.start_soon(work)
        seen = [each async for each in manager.emptying(with_delayed=False)]

    assert (seen[-1].waiting, seen[-1].active, seen[-1].delayed) == (0, 0, 1)
    await manager.clear(states=[State.DELAYED])
    await manager.wait_until_empty(timeout=SOON)


async def test_ticks_of_schedules_are_left_out_while_the_queue_drains(
    jobs: Producer, queue: QueueUnderTest, redis_url: str
) -> None:
    async with Schedules.connect(redis_url, queue="test") as schedules:
        fields = {"name": "s", "cron": "@hourly", "kind": "test.unknown", "payload": {}}
        await schedules.add(schedule_of(fields))
        await jobs.manager().drain(by="ada")

        with pytest.raises(ScheduleError, match=r"the queue drains since .* by ada"):
            await schedules.run_now("s")

        assert await queue.entries() == []
        await jobs.manager().reopen()
        await schedules.run_now("s")
        assert len(await queue.entries()) == 1


async def test_a_queue_is_cleared_with_progress(jobs: Producer, queue: QueueUnderTest) -> None:
    heard: list[Cleared] = []
    await jobs.enqueue_many(new_job(Echo(), priority="low") for _ in range(120))
    await jobs.enqueue(Echo(), id="kept", priority="high")

    done = await jobs.manager().clear("low", progress=heard.append)

    assert done == Cleared(cancelled=120) == heard[-1]
    assert len(heard) >= 3
    assert [each.id for each in await queue.fetch()] == ["kept"]


async def test_one_job_is_moved_or_removed(jobs: Producer, queue: QueueUnderTest) -> None:
    manager = jobs.manager()
    await jobs.enqueue(Echo(), id="a")
    await jobs.enqueue(Echo(), id="b")

    assert await manager.reprioritise("b", 255) is Reprioritised.MOVED
    assert await manager.remove("a") is Removal.REMOVED
    with pytest.raises(ValueError, match="a priority is"):
        await manager.reprioritise("b", "soon")

    assert [(each.id, each.token.level) for each in await queue.fetch()] == [("b", 1)]


async def kill(queue: QueueUnderTest, count: int) -> None:
    """So many jobs of two kinds die."""
    await queue.add(*(job(f"test.{n % 2}", id=f"{n}") for n in range(count)))
    await queue.settle_all(
        [Outcome(each, Verdict.DEAD, "x") for each in await queue.fetch(slots=100)]
    )


async def test_dead_jobs_of_a_filter_run_again_within_a_bound_and_with_progress(
    jobs: Producer, queue: QueueUnderTest
) -> None:
    manager = jobs.manager()
    assert await manager.retry_failed() == RetryReport()
    await kill(queue, 40)
    heard: list[RetryReport] = []
    wanted = LetterFilter(kinds=("test.1",))

    first = await manager.retry_failed(wanted, by="ada", limit=5)
    rest = await manager.retry_failed(wanted, progress=heard.append)

    assert (first, rest) == (RetryReport(5), RetryReport(15))
    assert heard[-1] == rest
    assert len(heard) == 15
    assert (await queue.look("1")).replayed_by == "ada"
    assert (await queue.look("0")).state is State.DEAD
    assert (await manager.retry_failed()).retried == 20
    with pytest.raises(ValueError, match="1 to 100000"):
        await manager.retry_failed(limit=0)


async def test_what_cannot_run_again_is_counted(jobs: Producer, queue: QueueUnderTest) -> None:
    await queue.add(job(id="a"))
    held = await queue.fetch_one()
    await queue.client.xdel(queue.stream(held.token), held.token.entry)
    await queue.settle(held, Verdict.DEAD, detail="x")

    assert await jobs.manager().retry_failed() == RetryReport(left=1)


async def test_lists_and_statistics(jobs: Producer, queue: QueueUnderTest) -> None:
    manager = jobs.manager()
    await kill(queue, 4)
    await jobs.enqueue_many(new_job(Echo(), priority="low") for _ in range(7))
    await jobs.enqueue(Echo(), delay=timedelta(hours=1))
    await queue.fetch(slots=2)

    page = await manager.list(State.READY, limit=3)
    rest = await manager.list(State.READY, limit=3, cursor=page.next_cursor)
    found = await manager.statistics(minutes=5)

    assert (len(page.jobs), len(rest.jobs), rest.next_cursor == "") == (3, 2, True)
    assert await manager.list(State.READY, priority="high") == await manager.list(
        State.READY, priority=Priority.HIGH
    )
    assert (found.depth.waiting, found.depth.active, found.depth.delayed) == (5, 2, 1)
    assert (found.depth.dead, found.depth.totals["dead"], found.depth.undone) == (4, 4, 8)
    assert (found.depth.levels[Priority.LOW].waiting, found.runs.failed) == (5, 4)
    with pytest.raises(ListingError):
        await manager.list(State.COMPLETED)


async def test_a_queue_that_does_not_exist_holds_nothing(redis_url: str) -> None:
    async with QueueManager.connect(redis_url, queue="none") as manager:
        found = await manager.statistics()

        assert (found.queue, found.depth.undone, found.runs.ended) == ("none", 0, 0)
        assert (await manager.list(State.RUNNING)).jobs == ()


def test_threads_have_the_same_manager(redis_url: str) -> None:
    heard: list[object] = []
    with BlockingProducer.connect(redis_url, queue="test") as jobs:
        manager = jobs.manager()
        jobs.enqueue(Echo(), id="a")
        assert manager.pause("low", by="ada") == {Priority.LOW}
        assert manager.gate().paused[Priority.LOW].by == "ada"
        assert manager.resume() == {Priority.LOW}
        assert manager.drain(by="ada")
        with pytest.raises(QueueDrainingError):
            jobs.enqueue(Echo())
        assert manager.reopen()
        assert manager.reprioritise("a", "high") is Reprioritised.MOVED
        assert [each.id for each in manager.list(State.READY).jobs] == ["a"]
        assert manager.clear(progress=heard.append).cancelled == 1
        assert heard
        assert manager.remove("a") is Removal.REMOVED
        assert manager.retry_failed() == RetryReport()
        manager.wait_until_empty(timeout=SOON)
        assert manager.statistics().depth.undone == 0
    with BlockingQueueManager.connect(redis_url, queue="test") as alone:
        assert alone.queue == "test"
