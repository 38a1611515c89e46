"""Schedulers that die, stop, and run side by side."""

import signal
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from redis.asyncio import Redis

from producers.schedule.schedule import Missed, Schedule
from producers.schedule.schedules import Schedules, unix_ms_of
from streams.keys import Keys
from streams.priority import Priority
from streams.server import Server
from tests.support.processes import Processes
from tests.support.waiting import wait_until

TICKS = 1500
STREAM = Keys("ticks").stream(Priority.NORMAL)


@pytest.mark.leaves_jobs
async def test_each_tick_of_three_schedulers_is_one_job_though_one_dies_and_one_freezes(
    client: Redis, redis_url: str, processes: Processes
) -> None:
    command = ("python", "-m", "tests.faults.support.ticker", redis_url, str(TICKS))
    dying, freezing, lasting = [processes.start(*command) for _ in range(3)]

    async def has_begun() -> bool:
        return await client.xlen(STREAM) > TICKS // 10

    await wait_until(has_begun, "the first ticks are enqueued", 60)
    assert dying.kill() == -signal.SIGKILL
    freezing.send(signal.SIGSTOP)
    assert lasting.wait(60) == 0
    freezing.send(signal.SIGCONT)
    assert freezing.wait(60) == 0

    entries: Any = await client.xrange(STREAM)
    ids = [fields[b"id"] for _, fields in entries]
    assert len(ids) == len(set(ids)) == TICKS


MISSED = 900


@pytest.mark.leaves_jobs
async def test_three_schedulers_make_up_for_each_missed_tick_once_though_one_dies_and_one_freezes(
    client: Redis, redis_url: str, processes: Processes
) -> None:
    """They race through what nobody has run for fifteen hours, and then wait for more."""
    every_minute = Schedule(
        name="minute", cron="* * * * *", kind="test.tick", missed=Missed.ALL, missed_max=1000
    )
    await Schedules(Server(client), "ticks").add(every_minute)
    command = ("python", "-m", "producers.cli.main", "scheduler", "--queue", "ticks")
    here = {"REDIS_URL": redis_url}
    started = [processes.start(*command, environment=here) for _ in range(3)]
    await wait_until(
        lambda: all("fires" in each.output() for each in started), "all of them are there", 60
    )
    dying, freezing, lasting = started
    seconds, _micros = await client.time()
    now = datetime.fromtimestamp(seconds, tz=UTC).replace(second=0)
    since_ms = unix_ms_of(now - MISSED * timedelta(minutes=1))
    await client.hset(Keys("ticks").schedule("minute"), "last_ms", str(since_ms))

    async def fired() -> int:
        return await client.xlen(STREAM)

    async def has_begun() -> bool:
        return await fired() > MISSED // 10

    async def is_done() -> bool:
        return await fired() >= MISSED

    await wait_until(has_begun, "the first ticks are fired", 60)
    assert dying.kill() == -signal.SIGKILL
    freezing.send(signal.SIGSTOP)
    await wait_until(is_done, "all that was missed is made up for", 60)
    freezing.send(signal.SIGCONT)
    assert [freezing.terminate(), lasting.terminate()] == [0, 0]

    entries: Any = await client.xrange(STREAM)
    ticks = [
        datetime.strptime(fields[b"id"].decode(), "cron:minute:%Y%m%dT%H%MZ").replace(tzinfo=UTC)
        for _, fields in entries
    ]
    assert len(ticks) >= MISSED
    assert {later - earlier for earlier, later in pairwise(ticks)} == {timedelta(minutes=1)}
