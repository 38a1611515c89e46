"""A connection is cut after a call was carried out and before its answer, at each call in turn.

What a producer asked for is there, and there once: nothing lost, nothing twice.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar, TypeVar

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as LostConnectionError

from producers.client import Producer
from producers.errors import AnswerLostError, RetryRefusedError
from producers.manager import QueueManager
from producers.order import new_job
from producers.payloads.base import Payload
from producers.schedule.schedule import schedule_of
from producers.schedule.schedules import Schedules
from streams.connection import open_client
from streams.enqueue import BATCH_MAX
from streams.errors import ScheduleExistsError, ServerUnavailableError, UnknownScheduleError
from streams.priority import LEVELS, Priority
from streams.server import Server
from streams.settle import Verdict
from streams.state import State
from tests.support.proxy import Mode, Proxy
from tests.support.queues import QueueUnderTest, row

pytestmark = pytest.mark.leaves_jobs

SOON = timedelta(seconds=15)
#: Three calls that are under way together, and one more.
MANY = 3 * BATCH_MAX + 1
#: Replies of a whole program, and then some: a bound for the search.
REPLIES_MAX = 300

Answer = TypeVar("Answer")


class Echo(Payload):
    """Says a number."""

    kind: ClassVar[str] = "test.echo"

    number: int = 0


async def again(call: Callable[[], Awaitable[Answer]], *done: type[Exception]) -> Answer | None:
    """As a careful caller does it: after a lost answer the same call again.

    *done* is what the second call says where the first one was carried out.
    """
    try:
        return await call()
    except (LostConnectionError, ServerUnavailableError):
        try:
            return await call()
        except done:
            return None


@dataclass
class Accepted:
    """What a run of the program was told to be there."""

    ids: list[str] = field(default_factory=list)
    by_hand: str = ""


async def use_every_call(url: str, dead: str, done: str) -> Accepted:
    """A program that asks for everything, over connections of which one is cut."""
    accepted = Accepted()
    client = open_client(url)
    try:
        async with Server.on_a_lane(client) as server:
            jobs = Producer(server, "test")
            await use_jobs(jobs, accepted, dead, done)
            await use_manager(jobs.manager(), accepted)
        await use_schedules(Schedules(Server(client), "test"), accepted)
    finally:
        await client.aclose()
    return accepted


async def use_jobs(jobs: Producer, accepted: Accepted, dead: str, done: str) -> None:
    """Enqueues need no care: they are repeated inside, and say that they are there."""
    named = await jobs.enqueue(Echo(), id="named", priority="low")
    anonymous = await jobs.enqueue(Echo())
    assert anonymous.is_new
    single = await jobs.enqueue(Echo(), id="single", unique="u")
    later = await jobs.enqueue(Echo(), id="later", delay=timedelta(hours=1))
    outrun = await jobs.enqueue(Echo(), id="named", priority="critical")
    twin = await jobs.enqueue(Echo(), unique="u")
    assert (outrun.id, twin.id) == ("named", "single")
    report = await jobs.enqueue_many(new_job(Echo(), id=f"many-{n}") for n in range(MANY))
    assert report.accepted + report.existing == MANY
    assert report.existing <= report.resent
    accepted.ids += [named.id, anonymous.id, single.id, later.id]
    accepted.ids += [f"many-{n}" for n in range(MANY)]

    assert await again(lambda: jobs.result(done, timeout=SOON)) == 1
    view = await again(lambda: jobs.get("later"))
    assert view is not None
    assert view.state is State.DELAYED
    await again(lambda: jobs.cancel("later"))
    await again(lambda: jobs.job(dead).retry(), RetryRefusedError)
    accepted.ids.append(dead)


async def use_manager(manager: QueueManager, accepted: Accepted) -> None:
    await again(lambda: manager.reprioritise("single", "high"))
    await again(lambda: manager.pause("low"))
    await again(lambda: manager.resume("low"))
    await again(manager.drain)
    await again(manager.reopen)
    await again(lambda: manager.remove("unwanted"))
    await again(lambda: manager.clear("low"))
    await again(manager.retry_failed)
    accepted.ids.append("dead-too")
    await again(lambda: manager.list(State.READY))
    await again(manager.statistics)


async def use_schedules(schedules: Schedules, accepted: Accepted) -> None:
    daily = schedule_of({"name": "daily", "cron": "@daily", "kind": "test.echo"})
    weekly = schedule_of({"name": "weekly", "cron": "@weekly", "kind": "test.echo"})
    await again(lambda: schedules.add(daily), ScheduleExistsError)
    await again(lambda: schedules.add(weekly), ScheduleExistsError)
    await again(lambda: schedules.pause("daily"))
    accepted.by_hand = await schedules.run_now("daily")
    accepted.ids.append(accepted.by_hand)
    await again(lambda: schedules.resume("daily"))
    await again(lambda: schedules.remove("weekly"), UnknownScheduleError)
    await again(schedules.all)


async def prepare(queue: QueueUnderTest) -> tuple[str, str]:
    """Dead jobs, one that is done and one to be removed, on a server that knows no script."""
    await queue.client.flushall()
    await queue.open()
    for name, verdict, detail in (
        ("dead", Verdict.DEAD, b"x"),
        ("dead-too", Verdict.DEAD, b"x"),
        ("done", Verdict.COMPLETED, b"1"),
    ):
        await jobs_of(queue).enqueue(Echo(), id=name)
        await queue.settle(await queue.fetch_one(), verdict, detail=detail, attempt=row(1))
    await jobs_of(queue).enqueue(Echo(), id="unwanted", priority="low")
    await queue.client.script_flush()
    return "dead", "done"


def jobs_of(queue: QueueUnderTest) -> Producer:
    return Producer(queue.server, queue.keys.queue)


async def require_all_there_once(queue: QueueUnderTest, accepted: Accepted) -> None:
    """Each job that was accepted has one place, and no job is there that was not."""
    found: list[str] = []
    levels: dict[str, Priority] = {}
    for level in LEVELS:
        rows: Any = await queue.client.xrange(queue.keys.stream(level))
        names = [fields[b"id"].decode() for _, fields in rows]
        found += names
        levels |= dict.fromkeys(names, level)
    waiting: Any = await queue.client.zrange(queue.keys.delayed, 0, -1)
    assert waiting == []
    assert sorted(found) == sorted(set(accepted.ids) - {"later"})
    assert levels["named"] is Priority.CRITICAL
    assert (await queue.look("later")).state is State.CANCELLED
    assert await queue.letters() == []
    assert levels["single"] is Priority.HIGH
    assert [(await queue.look(name)).replays for name in ("dead", "dead-too")] == [1, 1]
    assert len(set(accepted.ids)) == len(accepted.ids) == MANY + 7
    gate = await QueueManager(queue.server, queue.keys.queue).gate()
    assert not gate.paused
    assert gate.draining is None


async def require_one_schedule(queue: QueueUnderTest, accepted: Accepted) -> None:
    [daily] = await Schedules(queue.server, queue.keys.queue).all()
    assert (daily.name, daily.stored.paused) == ("daily", False)
    assert (daily.stored.job, daily.stored.fired) == (accepted.by_hand, 1)


async def test_whichever_answer_is_lost_nothing_is_lost_and_nothing_is_twice(
    client: Redis, redis_url: str
) -> None:
    queue = QueueUnderTest(client)
    for number in range(REPLIES_MAX):
        dead, done = await prepare(queue)
        async with Proxy(redis_url) as proxy:
            proxy.cut(after_replies=number)
            accepted = await use_every_call(proxy.url, dead, done)
            was_cut = proxy.has_cut
        await require_all_there_once(queue, accepted)
        await require_one_schedule(queue, accepted)
        if not was_cut:
            break
    else:
        pytest.fail("the program has more replies than that")
    # Each call of the program has at least one.
    assert number > 40


async def test_an_enqueue_says_new_where_nobody_else_can_know_the_id(
    client: Redis, redis_url: str
) -> None:
    queue = QueueUnderTest(client)
    async with Proxy(redis_url) as proxy, Producer.connect(proxy.url, queue="test") as jobs:
        await jobs.enqueue(Echo(), id="warm-up")
        for options in ({}, {"delay": timedelta(hours=1)}, {"id": "given"}):
            proxy.cut(after_replies=0)
            answer = await jobs.enqueue(Echo(), **options)
            assert proxy.has_cut
            assert answer.resent
            assert answer.is_new is ("id" not in options)

    assert len(await queue.entries()) == 3


async def test_many_that_were_sent_again_say_so(client: Redis, redis_url: str) -> None:
    queue = QueueUnderTest(client)
    async with Proxy(redis_url) as proxy, Producer.connect(proxy.url, queue="test") as jobs:
        await jobs.enqueue(Echo(), id="warm-up")
        proxy.cut(after_replies=0)
        report = await jobs.enqueue_many([new_job(Echo(), id=str(n)) for n in range(5)])

    assert (report.accepted, report.existing, report.resent) == (0, 5, 5)
    assert len(await queue.entries()) == 6


async def test_where_nobody_answers_the_error_says_what_is_known(redis_url: str) -> None:
    async with Proxy(redis_url) as proxy, Producer.connect(proxy.url, queue="test") as jobs:
        await jobs.enqueue(Echo(), id="warm-up")
        proxy.set(Mode.RESET)
        with pytest.raises(AnswerLostError) as lost:
            await jobs.enqueue(Echo(), id="a")
        with pytest.raises(AnswerLostError, match="2 jobs may be in the queue 'test' or not"):
            await jobs.enqueue_many([new_job(Echo()), new_job(Echo())])

    said = "the job 'a' may be in the queue 'test' or not. Send the same ids again"
    assert said in str(lost.value)
    assert "no answer from Redis to 3 calls" in str(lost.value)
    assert (lost.value.queue, lost.value.job_ids) == ("test", ("a",))
