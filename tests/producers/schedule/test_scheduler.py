"""A scheduler alone: it fires what is due, waits for what comes, and outlives its server."""

from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from producers.schedule.schedule import schedule_of
from producers.schedule.scheduler import REREAD, Scheduler
from producers.schedule.schedules import Schedules, unix_ms_of
from streams.connection import open_client
from streams.server import Server
from streams.settle import Verdict
from tests.support.proxy import Mode, Proxy
from tests.support.queues import QueueUnderTest
from tests.support.waiting import wait_until

pytestmark = pytest.mark.leaves_jobs

NOON = datetime(2025, 5, 5, 12, tzinfo=UTC)
MS, MINUTE, HOUR = timedelta(milliseconds=1), timedelta(minutes=1), timedelta(hours=1)


async def keep(
    queue: QueueUnderTest, cron: str, since: datetime = NOON, name: str = "s", **fields: Any
) -> None:
    """Keep a schedule that has counted since a moment of the past."""
    described = {"name": name, "cron": cron, "kind": "test.echo", **fields}
    await Schedules(queue.server, "test").add(schedule_of(described), replace=True)
    await queue.client.hset(queue.keys.schedule(name), "last_ms", str(unix_ms_of(since)))


class Told:
    """A scheduler whose clock is a test's, and what it says."""

    def __init__(self, queue: QueueUnderTest, now: datetime = NOON) -> None:
        self.now = now
        self.said: list[str] = []
        self._scheduler = Scheduler(
            queue.server, "test", clock=lambda _told: unix_ms_of(self.now), say=self.said.append
        )

    async def turn(self, now: datetime) -> timedelta:
        """One turn at *now*."""
        self.now = now
        return await self._scheduler.turn()


async def ids(queue: QueueUnderTest) -> list[str]:
    """The ids of all jobs that wait, in their order."""
    return [each.id for each in await queue.fetch()]


async def test_a_tick_is_fired_when_it_comes(queue: QueueUnderTest) -> None:
    await keep(queue, "@hourly")
    told = Told(queue)

    await told.turn(NOON + HOUR - MS)
    assert await ids(queue) == []
    for _ in range(2):
        await told.turn(NOON + HOUR)

    assert await ids(queue) == ["cron:s:20250505T1300Z"]
    assert told.said == ["s: cron:s:20250505T1300Z enqueued"]


async def test_it_waits_for_the_nearest_tick_and_never_longer_than_an_edit_may_stay_unseen(
    queue: QueueUnderTest,
) -> None:
    told = Told(queue)
    assert await told.turn(NOON) == REREAD

    await keep(queue, "@hourly")
    await keep(queue, "*/30 * * * *", name="t")
    await keep(queue, "* * * * *", name="u", paused=True)

    assert await told.turn(NOON + MINUTE) == REREAD
    wait = 1500 * MS
    assert await told.turn(NOON + 30 * MINUTE - wait) == wait
    assert await told.turn(NOON + 30 * MINUTE) == REREAD


async def test_what_was_missed_is_made_up_for_in_its_order(queue: QueueUnderTest) -> None:
    await keep(queue, "@hourly", missed="all", missed_max=3)

    await Told(queue).turn(NOON + 5 * HOUR)

    assert await ids(queue) == [f"cron:s:20250505T{hour}00Z" for hour in (15, 16, 17)]


async def test_a_tick_is_left_out_while_the_job_before_it_has_not_ended(
    queue: QueueUnderTest,
) -> None:
    await keep(queue, "@hourly", overlap="skip")
    told = Told(queue)
    await told.turn(NOON + HOUR)
    [delivery] = await queue.fetch()

    await told.turn(NOON + 2 * HOUR)
    await queue.settle(delivery, Verdict.COMPLETED)
    await told.turn(NOON + 2 * HOUR)
    await told.turn(NOON + 3 * HOUR)

    assert await ids(queue) == ["cron:s:20250505T1500Z"]
    assert "s: cron:s:20250505T1400Z is left out, cron:s:20250505T1300Z has not ended" in told.said


async def test_of_several_missed_ticks_that_may_not_overlap_one_is_made_up_for(
    queue: QueueUnderTest,
) -> None:
    await keep(queue, "@hourly", missed="all", overlap="skip")
    told = Told(queue)

    await told.turn(NOON + 3 * HOUR)

    assert await ids(queue) == ["cron:s:20250505T1300Z"]
    assert len(told.said) == 3


async def test_a_unique_key_that_is_taken_leaves_a_tick_out(queue: QueueUnderTest) -> None:
    await keep(queue, "@hourly", unique="slot")
    told = Told(queue)

    await told.turn(NOON + HOUR)
    await told.turn(NOON + 2 * HOUR)

    assert await ids(queue) == ["cron:s:20250505T1300Z"]
    assert told.said[-1].endswith("is left out, cron:s:20250505T1300Z holds its unique key")


async def test_a_job_that_is_there_already_is_not_enqueued_again(queue: QueueUnderTest) -> None:
    """The schedule was removed and made anew within a minute."""
    await keep(queue, "@hourly")
    told = Told(queue)
    await told.turn(NOON + HOUR)
    await Schedules(queue.server, "test").remove("s")
    await keep(queue, "@hourly")

    await told.turn(NOON + HOUR)

    assert await ids(queue) == ["cron:s:20250505T1300Z"]
    assert told.said[-1] == "s: cron:s:20250505T1300Z was enqueued before"


async def test_what_cannot_be_read_is_told_once_and_keeps_nothing_else_from_coming(
    queue: QueueUnderTest,
) -> None:
    await keep(queue, "@hourly", name="a")
    await keep(queue, "@hourly", name="b")
    await queue.client.hset(queue.keys.schedule("a"), "definition", '{"moon": "full"}')
    told = Told(queue)

    for hour in (1, 2):
        await told.turn(NOON + hour * HOUR)

    assert await ids(queue) == ["cron:b:20250505T1300Z", "cron:b:20250505T1400Z"]
    [complaint] = [line for line in told.said if line.startswith("a: ")]
    assert "cannot be read here" in complaint


async def test_it_runs_by_the_clock_of_the_server_until_it_is_told_to_stop(
    queue: QueueUnderTest,
) -> None:
    """The last tick lies a minute and a half back: one is due now."""
    seconds, _micros = await queue.client.time()
    now = datetime.fromtimestamp(seconds, tz=UTC)
    await keep(queue, "* * * * *", now - 1.5 * MINUTE, missed="last")
    stopping = anyio.Event()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(Scheduler(queue.server, "test").run, stopping)
        await wait_until(queue.entries, "the tick is a job")
        stopping.set()

    [job_id, *_] = await ids(queue)
    late = now - datetime.strptime(job_id, "cron:s:%Y%m%dT%H%MZ").replace(tzinfo=UTC)
    assert -MINUTE <= late < MINUTE


class Counting(Server):
    """Knows how often the schedules were read."""

    reads = 0

    async def run(self, script: Any, *args: Any, **kwargs: Any) -> Any:
        answer = await super().run(script, *args, **kwargs)
        self.reads += script.name == "timetable"
        return answer


async def test_an_edit_is_seen_at_the_next_reading(queue: QueueUnderTest) -> None:
    stopping = anyio.Event()
    server = Counting(queue.client)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(Scheduler(server, "test", reread=10 * MS).run, stopping)
        await wait_until(lambda: server.reads, "it has read that there is nothing")
        await keep(queue, "@yearly", missed="last")
        await wait_until(queue.entries, "the missed tick is a job")
        stopping.set()

    assert await ids(queue) == ["cron:s:20260101T0000Z"]


@pytest.mark.parametrize("mode", [Mode.DROP_REPLIES, Mode.RESET])
async def test_it_survives_an_outage_and_fires_each_tick_once(
    queue: QueueUnderTest, redis_url: str, mode: Mode
) -> None:
    """Also those whose enqueueing was carried out and whose answers were lost."""
    said: list[str] = []
    stopping = anyio.Event()
    now = NOON
    async with Proxy(redis_url) as proxy, open_client(proxy.url, reply_timeout_s=0.1) as client:
        scheduler = Scheduler(
            Server(client), "test", clock=lambda _told: unix_ms_of(now), say=said.append
        )
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(scheduler.run, stopping)
            await keep(queue, "@hourly", missed="all")
            await proxy.next("SMEMBERS")
            proxy.set(mode)
            now = NOON + 3 * HOUR
            await wait_until(lambda: said, "it says that there is no answer")
            proxy.set(Mode.RELAY)
            await wait_until(lambda: "Redis answers again" in said, "it says that there is one")
            stopping.set()

    assert await ids(queue) == [f"cron:s:20250505T{hour}00Z" for hour in (13, 14, 15)]
    assert [line.partition(" (")[0] for line in said if line.startswith("Redis")] == [
        "Redis does not answer, trying again",
        "Redis answers again",
    ]


async def test_a_tick_whose_answer_was_lost_is_one_job(
    queue: QueueUnderTest, redis_url: str
) -> None:
    """The call is carried out, its answer never comes, and the next turn knows that it was."""
    await keep(queue, "@hourly")
    async with Proxy(redis_url) as proxy, open_client(proxy.url, reply_timeout_s=0.2) as client:
        told = Told(QueueUnderTest(client))
        await told.turn(NOON)
        cut = CutAtTicks(client, proxy)
        scheduler = Scheduler(cut, "test", clock=lambda _told: unix_ms_of(NOON + HOUR))
        with pytest.raises(RedisError):
            await scheduler.turn()
        proxy.set(Mode.RELAY)
        cut.cuts = False
        await scheduler.turn()

    assert await ids(queue) == ["cron:s:20250505T1300Z"]


class CutAtTicks(Server):
    """Loses the answers of all ticks, on their way through a relay."""

    def __init__(self, client: Redis, proxy: Proxy) -> None:
        super().__init__(client)
        self._proxy = proxy
        self.cuts = True

    async def run(self, script: Any, *args: Any, **kwargs: Any) -> Any:
        if script.name == "tick" and self.cuts:
            self._proxy.set(Mode.DROP_REPLIES)
        return await super().run(script, *args, **kwargs)


async def test_what_the_server_would_always_refuse_ends_it(queue: QueueUnderTest) -> None:
    await queue.client.set(queue.keys.schedules, "no set")

    with pytest.raises(ResponseError, match="WRONGTYPE"):
        await Scheduler(queue.server, "test").run(anyio.Event())
