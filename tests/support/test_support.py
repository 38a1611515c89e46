"""The tests' own tools do what the tests rely on."""

import signal
from pathlib import Path

import anyio
import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from tests.support import leaks
from tests.support.processes import Processes
from tests.support.proxy import Mode, Proxy
from tests.support.servers import NoTestServerError, choose_server, connect
from tests.support.waiting import wait_until


async def test_waiting_ends_as_soon_as_the_condition_holds() -> None:
    values = iter([False, 0, "", "there"])

    await wait_until(lambda: next(values), "the fourth value")

    assert list(values) == []


async def test_waiting_in_vain_says_for_what_and_what_was_seen() -> None:
    async def count() -> int:
        await anyio.lowlevel.checkpoint()
        return 0

    with pytest.raises(AssertionError, match=r"not within 0.05 s: a job ran \(last seen: 0\)"):
        await wait_until(count, "a job ran", timeout_s=0.05)


def through(proxy: Proxy) -> Redis:
    """A client whose patience is short."""
    return Redis.from_url(proxy.url, socket_timeout=0.2, retry=Retry(NoBackoff(), 0))


async def test_a_proxy_relays(redis_url: str) -> None:
    async with Proxy(redis_url) as proxy, through(proxy) as client:
        await client.set("name", "value")
        assert await client.get("name") == b"value"


async def test_a_proxy_drops_replies_of_commands_that_are_carried_out(redis_url: str) -> None:
    async with Proxy(redis_url) as proxy, through(proxy) as client:
        await client.ping()
        proxy.set(Mode.DROP_REPLIES)
        with pytest.raises(RedisTimeoutError):
            await client.set("name", "value")

    with connect(redis_url) as direct:
        assert direct.get("name") == "value"


async def test_a_proxy_holds_back_what_it_is_given_until_the_hole_is_mended(redis_url: str) -> None:
    async with Proxy(redis_url) as proxy, through(proxy) as client:
        await client.ping()
        proxy.set(Mode.BLACKHOLE)
        with pytest.raises(RedisTimeoutError):
            await client.set("name", "value")
        with connect(redis_url) as direct:
            assert direct.get("name") is None
            proxy.set(Mode.RELAY)
            await wait_until(lambda: direct.get("name"), "the command arrives late")


async def test_a_proxy_resets_connections_old_and_new(redis_url: str) -> None:
    async with Proxy(redis_url) as proxy, through(proxy) as client:
        await client.ping()
        proxy.set(Mode.RESET)
        for _ in range(2):
            with pytest.raises(RedisConnectionError):
                await client.ping()
        proxy.set(Mode.RELAY)
        assert await client.ping()


async def test_a_program_that_does_not_end_is_ended_and_reported(
    tmp_path: Path, processes: Processes
) -> None:
    mine = Processes(tmp_path / "mine")
    program = mine.start("sh", "-c", "trap '' TERM; sleep 60 & echo started; wait; wait")
    await wait_until(program.output, "it has started")
    polite = processes.start("sleep", "60")

    program.send(signal.SIGKILL)
    program.wait()
    complaints = mine.end()

    assert "left behind" in complaints[0]
    assert "sleep" in complaints[0]
    assert polite.is_running


async def test_undone_jobs_are_found(client: Redis, redis_url: str) -> None:
    stream = "millstream:{test:0}:normal"
    await client.xgroup_create(stream, "millstream", "0", mkstream=True)
    await client.xadd(stream, {"kind": "test"})
    await client.xreadgroup("millstream", "somebody", {stream: ">"})
    await client.hset("millstream:{test:0}:job:1", "state", "ready")
    await client.hset("millstream:{test:0}:job:2", "state", "completed")

    with connect(redis_url) as text:
        undone, endless = leaks.undone_jobs(text), leaks.endless_records(text)

    await client.flushdb()
    assert undone == [
        "millstream:{test:0}:job:1 is 'ready' and never expires",
        f"1 entries pending in {stream}",
    ]
    assert endless == ["millstream:{test:0}:job:2 has ended and never expires"]


def test_a_database_that_holds_something_is_not_taken_for_tests(redis_url: str) -> None:
    environment = {"MILLSTREAM_TEST_SERVER": "url", "REDIS_URL": redis_url}
    assert choose_server(environment).why == "MILLSTREAM_TEST_SERVER=url"
    with connect(redis_url) as client:
        client.set("name", "value")

    with pytest.raises(NoTestServerError, match="holds 1 keys"):
        choose_server(environment)


def test_a_source_that_does_not_exist_is_answered_with_those_that_do() -> None:
    with pytest.raises(NoTestServerError, match="auto, container, url, path, embedded"):
        choose_server({"MILLSTREAM_TEST_SERVER": "cloud"})
