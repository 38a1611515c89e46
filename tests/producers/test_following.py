"""Jobs are followed to their end: one, many, or all of a queue."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import timedelta
from typing import ClassVar, TypeVar

import anyio
import pytest
from redis.asyncio import Redis

from producers.blocking import BlockingProducer
from producers.client import Producer
from producers.errors import JobFailedError
from producers.order import new_job
from producers.payloads.base import Payload
from streams.errors import InvalidJobError, UnknownJobError
from streams.events import Gap, Happening, JobEvent
from streams.progress import note_progress
from streams.settle import Verdict
from streams.state import State
from tests.support.queues import QueueUnderTest
from tests.support.waiting import TIMEOUT_S

pytestmark = pytest.mark.leaves_jobs

SOON = timedelta(seconds=TIMEOUT_S)
_Item = TypeVar("_Item")


class Echo(Payload):
    """Says nothing."""

    kind: ClassVar[str] = "test.echo"


async def taken(items: AsyncGenerator[_Item], count: int) -> list[_Item]:
    """The next *count*."""
    with anyio.fail_after(TIMEOUT_S):
        return [await anext(items) for _ in range(count)]


async def rest(items: AsyncGenerator[_Item]) -> list[_Item]:
    """All that come until the end."""
    with anyio.fail_after(TIMEOUT_S):
        return [each async for each in items]


def words(events: list[JobEvent]) -> list[tuple[str, str]]:
    return [(each.id, each.happening.value) for each in events]


async def test_a_job_is_followed_from_where_it_is_to_its_end(
    jobs: Producer, queue: QueueUnderTest
) -> None:
    await jobs.enqueue(Echo(), id="a", meta={"tenant_id": "acme"})
    events = jobs.job("a").events()

    [first] = await taken(events, 1)
    delivery = await queue.fetch_one()
    await note_progress(queue.server, queue.keys, delivery, 0.5, "half")
    await queue.settle(delivery, Verdict.DEAD, detail="no luck")
    progress, dead = await rest(events)

    assert (first.happening, first.state, first.tenant) == (
        Happening.SEEN,
        State.READY,
        "acme",
    )
    assert progress.progress is not None
    assert (progress.progress.fraction, progress.progress.message) == (0.5, "half")
    assert (dead.happening, dead.state, dead.cause) == (Happening.DEAD, State.DEAD, "no luck")
    assert first.at_ms <= progress.at_ms <= dead.at_ms


async def test_a_job_that_has_ended_is_told_once(jobs: Producer, queue: QueueUnderTest) -> None:
    await jobs.enqueue(Echo(), id="a")
    await queue.settle(await queue.fetch_one(), Verdict.COMPLETED)

    assert words(await rest(jobs.job("a").events())) == [("a", "seen")]


async def test_many_jobs_are_followed_until_the_last_has_ended(
    jobs: Producer, queue: QueueUnderTest
) -> None:
    ids = [f"job-{number}" for number in range(250)]
    await jobs.enqueue_many(new_job(Echo(), id=each) for each in ids)
    events = jobs.events(ids)

    seen = await taken(events, 250)
    while deliveries := await queue.fetch():
        for delivery in reversed(deliveries):
            await queue.settle(delivery, Verdict.COMPLETED)
    ended = await rest(events)

    assert words(seen) == [(each, "seen") for each in ids]
    assert sorted(each.id for each in ended) == sorted(ids)
    assert {each.state for each in ended} == {State.COMPLETED}


async def test_no_jobs_are_followed_to_an_end_at_once(jobs: Producer) -> None:
    assert await rest(jobs.events([])) == []
    assert await rest(jobs.results([], timeout=SOON)) == []


async def test_a_job_that_nobody_knows_cannot_be_followed(jobs: Producer) -> None:
    with pytest.raises(UnknownJobError, match="'nobody'"):
        await rest(jobs.job("nobody").events())
    with pytest.raises(UnknownJobError, match="'nobody'"):
        await rest(jobs.results(["nobody"], timeout=SOON))
    with pytest.raises(InvalidJobError, match="a job id has"):
        await rest(jobs.events([""]))


async def test_a_look_tells_what_was_not_heard(
    jobs: Producer, queue: QueueUnderTest, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker of an older version tells nothing."""
    monkeypatch.setattr("producers.following.LOOK_AGAIN_S", 0.05)
    await jobs.enqueue(Echo(), id="a")
    events = jobs.job("a").events()
    await taken(events, 1)
    await client.delete(queue.keys.watchers)

    await queue.settle(await queue.fetch_one(), Verdict.COMPLETED)

    last = (await rest(events))[-1]
    assert (last.happening, last.state) == (Happening.SEEN, State.COMPLETED)


async def test_results_come_in_the_order_of_their_ends_and_failures_among_them(
    jobs: Producer, queue: QueueUnderTest
) -> None:
    ids = ["a", "b", "c", "d"]
    await jobs.enqueue_many(new_job(Echo(), id=each) for each in ids)
    held = {each.id: each for each in await queue.fetch()}
    await queue.settle(held["c"], Verdict.COMPLETED, detail=b"3")
    results = jobs.results(ids, timeout=SOON)

    [third] = await taken(results, 1)
    await queue.settle(held["b"], Verdict.DEAD, detail="no luck")
    [second] = await taken(results, 1)
    await queue.settle(held["d"], Verdict.CANCELLED)
    [fourth] = await taken(results, 1)
    await queue.settle(held["a"], Verdict.COMPLETED, detail=b'{"x":1}')
    [first] = await rest(results)

    assert [each.id for each in (third, second, fourth, first)] == ["c", "b", "d", "a"]
    assert (third.unwrap(), first.unwrap()) == (3, {"x": 1})
    assert (second.state, second.cause, second.value) == (State.DEAD, "no luck", None)
    with pytest.raises(JobFailedError, match="'d' ended as cancelled"):
        fourth.unwrap()


async def test_results_that_do_not_come_in_time_are_counted(
    jobs: Producer, queue: QueueUnderTest
) -> None:
    await jobs.enqueue_many(new_job(Echo(), id=each) for each in "abc")
    await queue.settle(await queue.fetch_one(), Verdict.COMPLETED)
    results = jobs.results("abc", timeout=timedelta(milliseconds=20))

    assert [each.id for each in await taken(results, 1)] == ["a"]
    with pytest.raises(TimeoutError, match=r"2 of 3 jobs have not ended within 0\.02 s"):
        await rest(results)


async def test_a_whole_queue_is_watched(jobs: Producer, queue: QueueUnderTest) -> None:
    async with aclosing(jobs.watch()) as events:
        assert await taken(events, 1) == [Gap()]
        await jobs.enqueue(Echo(), id="a")
        await queue.settle(await queue.fetch_one(), Verdict.COMPLETED)

        found = await taken(events, 2)

    assert words([each for each in found if isinstance(each, JobEvent)]) == [
        ("a", "enqueued"),
        ("a", "completed"),
    ]


async def test_any_number_of_handles_wait_over_one_connection(
    jobs: Producer, queue: QueueUnderTest, client: Redis
) -> None:
    ids = [f"job-{number}" for number in range(60)]
    await jobs.enqueue_many(new_job(Echo(), id=each) for each in ids)
    results: dict[str, object] = {}
    readers: list[object] = []

    async def wait_for(job_id: str) -> None:
        results[job_id] = await jobs.job(job_id).result(timeout=SOON)

    async with anyio.create_task_group() as tasks, aclosing(jobs.events(ids)) as events:
        await taken(events, len(ids))
        for each in ids:
            tasks.start_soon(wait_for, each)
        readers += [each for each in await client.client_list() if each["cmd"] == "xread"]
        for delivery in await queue.fetch():
            await queue.settle(delivery, Verdict.COMPLETED, detail=delivery.id[4:])

    assert results == {f"job-{number}": number for number in range(60)}
    assert len(readers) <= 1


def test_threads_follow_jobs_too(redis_url: str) -> None:
    with BlockingProducer.connect(redis_url, queue="test") as jobs:
        jobs.enqueue(Echo(), id="a", delay=timedelta(hours=1))
        watched = jobs.watch()
        assert next(watched) == Gap()
        events = jobs.job("a").events()
        seen = next(events)
        jobs.cancel("a")

        assert [each.happening for each in (seen, *events)] == [
            Happening.SEEN,
            Happening.CANCELLED,
        ]
        assert [each.state for each in jobs.events(["a"])] == [State.CANCELLED]
        results = list(jobs.results(["a"], timeout=SOON))
        assert [each.state for each in results] == [State.CANCELLED]
