"""Many calls on one connection: each gets its own answer, and none is left waiting."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as LostConnectionError
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as LateAnswerError

from streams.connection import open_client
from streams.lane import Lane
from tests.support.proxy import Mode, Proxy
from tests.support.waiting import wait_until

#: Holds the server for so many milliseconds.
HELD = """
local function now_us()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end
local until_us = now_us() + ARGV[1] * 1000
while now_us() < until_us do end
return 'held'
"""


@pytest.fixture
async def lane(client: Redis) -> AsyncIterator[Lane]:
    """A lane to the server of the tests, which is empty."""
    async with Lane.open(client) as lane:
        yield lane


async def calls_of(client: Redis, command: str) -> int:
    """How often the server has run *command*."""
    stats: Any = await client.info("commandstats")
    return int(stats.get(f"cmdstat_{command}", {"calls": 0})["calls"])


async def test_each_of_many_calls_gets_its_own_answer(lane: Lane) -> None:
    answers: dict[int, Any] = {}

    async def echo(number: int) -> None:
        answers[number] = await lane.call(["ECHO", number])

    async with anyio.create_task_group() as tasks:
        for number in range(500):
            tasks.start_soon(echo, number)

    assert answers == {number: str(number).encode() for number in range(500)}


async def test_calls_arrive_in_the_order_in_which_they_were_made(lane: Lane, client: Redis) -> None:
    async def push(number: int) -> None:
        await lane.call(["RPUSH", "numbers", number])

    async with anyio.create_task_group() as tasks:
        for number in range(200):
            tasks.start_soon(push, number)

    found: Any = await client.lrange("numbers", 0, -1)
    assert [int(each) for each in found] == list(range(200))


async def test_all_calls_share_one_connection(lane: Lane, client: Redis) -> None:
    ids: set[int] = set()

    async def ask() -> None:
        ids.add(await lane.call(["CLIENT", "ID"]))

    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(ask)

    assert len(ids) == 1
    assert await client.client_id() not in ids


async def test_an_error_is_its_own_calls_and_nobody_elses(lane: Lane) -> None:
    failed: list[str] = []

    async def fail() -> None:
        with pytest.raises(ResponseError) as caught:
            await lane.call(["LPUSH", "text", "x"])
        failed.append(str(caught.value))

    await lane.call(["SET", "text", "a"])
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(fail)
        tasks.start_soon(lane.call, ["SET", "other", "b"])

    assert "WRONGTYPE" in failed[0] or "wrong kind" in failed[0]
    assert await lane.call(["GET", "other"]) == b"b"


async def test_the_answer_of_a_cancelled_call_goes_to_nobody(lane: Lane) -> None:
    """The next caller on the connection must not read it (the class of CVE-2023-28858)."""
    with anyio.move_on_after(0.02):
        await lane.call(["EVAL", HELD, 0, 200])

    assert await lane.call(["ECHO", "mine"]) == b"mine"


async def test_a_lost_connection_ends_what_is_under_way_and_the_next_call_has_a_new_one(
    redis_url: str,
) -> None:
    async with (
        Proxy(redis_url) as proxy,
        open_client(proxy.url) as client,
        Lane.open(client) as lane,
    ):
        await lane.call(["PING"])
        proxy.set(Mode.DROP_REPLIES)
        lost: list[type[Exception]] = []

        async def ask() -> None:
            with pytest.raises(RedisError) as caught:
                await lane.call(["ECHO", "x"])
            lost.append(type(caught.value))

        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(ask)
            await anyio.lowlevel.checkpoint()
            proxy.set(Mode.RESET)
        proxy.set(Mode.RELAY)

        assert lost == [LostConnectionError] * 3
        assert await lane.call(["ECHO", "again"]) == b"again"


async def test_a_connection_that_is_closed_while_nobody_asks_fails_no_call(
    lane: Lane, client: Redis
) -> None:
    number = await lane.call(["CLIENT", "ID"])
    await client.client_kill_filter(_id=number)

    async def is_noticed() -> bool:
        line = lane._line
        return line is None or not line.is_open

    await wait_until(is_noticed, "the lane has noticed")
    assert await lane.call(["CLIENT", "ID"]) != number


async def test_an_answer_that_does_not_come_in_time_ends_the_connection(client: Redis) -> None:
    async with Lane.open(client, reply_timeout_s=0.1) as lane:
        number = await lane.call(["CLIENT", "ID"])
        with pytest.raises(LateAnswerError, match=r"no answer within 0\.1 s"):
            await lane.call(["EVAL", HELD, 0, 1000])

        await wait_until(client.ping, "the server is free again")
        assert await lane.call(["CLIENT", "ID"]) != number


async def test_after_leaving_the_next_call_connects_anew_and_the_last_one_is_answered(
    lane: Lane,
) -> None:
    before = await lane.call(["CLIENT", "ID"])
    answers: list[Any] = []

    async def ask() -> None:
        answers.append(await lane.call(["EVAL", HELD, 0, 50]))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await anyio.lowlevel.checkpoint()
        lane.leave()

    assert answers == [b"held"]
    assert await lane.call(["CLIENT", "ID"]) != before


async def test_the_end_of_the_block_ends_every_call_and_gives_the_connection_back(
    client: Redis,
) -> None:
    async def ask(lane: Lane) -> None:
        with pytest.raises(LostConnectionError):
            await lane.call(["EVAL", HELD, 0, 300])

    async with anyio.create_task_group() as tasks, Lane.open(client) as lane:
        await lane.call(["PING"])
        tasks.start_soon(ask, lane)
        await wait_until(lambda: lane._line is not None and lane._line._waiting, "it asks")

    pool: Any = client.connection_pool
    assert not pool._in_use_connections


async def test_no_call_is_sent_twice(lane: Lane, client: Redis) -> None:
    """Not even one whose answer was lost: what it did nobody here knows."""
    before = await calls_of(client, "incr")
    await lane.call(["INCR", "n"])
    line = lane._line
    assert line is not None
    line.close()
    await line.served
    await lane.call(["INCR", "n"])

    assert await calls_of(client, "incr") - before == 2
