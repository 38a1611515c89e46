"""Schedulers that die, stop, and run side by side."""

import signal
from typing import Any

import pytest
from redis.asyncio import Redis

from streams.keys import Keys
from streams.priority import Priority
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
