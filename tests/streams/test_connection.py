"""Connecting, and what is said when that fails: one line, and never a password."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from redis.asyncio import Redis
from redis.exceptions import TimeoutError as RedisTimeoutError

from streams.connection import (
    CONNECTIONS_MAX,
    connected,
    open_blocking_client,
    open_client,
    shown_url,
)
from streams.embedded import EmbeddedServer
from streams.errors import ServerUnavailableError, SettingsError
from tests.support.proxy import Mode, Proxy

SECRET = "s3cr3t-Word"  # noqa: S105 - it opens nothing


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://localhost:6379/0", "redis://localhost:6379/0"),
        ("redis://:pw@localhost:6379/0", "redis://:***@localhost:6379/0"),
        ("rediss://user:pw@redis.example/2", "rediss://user:***@redis.example/2"),
        ("redis://user-or-password@localhost", "redis://:***@localhost"),
        ("redis://localhost/0?password=pw", "redis://localhost/0"),
        ("unix://user:pw@/run/redis.sock?db=1", "unix://user:***@/run/redis.sock"),
        ("unix:///run/redis.sock", "unix:///run/redis.sock"),
        ("redis://[::1]:6379/0", "redis://[::1]:6379/0"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert shown_url(url) == shown


@pytest.mark.parametrize(
    "url",
    [
        f"redis://user:{SECRET}@host:6379/0",
        f"redis://:{SECRET}@host",
        f"redis://:a/{SECRET}@host:6379/0",
        f"redis://:{SECRET}/b@host:6379/0",
        f"redis://:{SECRET}#1@host:6379/0",
        f"redis://:{SECRET}?1@host:6379/0",
        f"redis://:a@{SECRET}@host:6379/0",
        f"redis://:[{SECRET}@host:6379/0",
        f"redis://:{SECRET}",
        f"redis://user:{SECRET}",
        f"redis://host?password={SECRET}",
        f"redis://host?password={SECRET}@x",
        f"redis://host/0#{SECRET}",
        f"http://user:{SECRET}@host",
        f"user:{SECRET}@host:6379",
        f":{SECRET}@host:6379",
        f"redis:/:{SECRET}@host",
        f"redis:{SECRET}@host",
    ],
)
def test_a_password_is_never_shown_however_the_url_is_mistyped(url: str) -> None:
    assert SECRET not in shown_url(url)


@given(st.text(), st.text(), st.text())
@example(":", "[", "]")
def test_no_text_in_front_of_the_last_at_sign_but_the_user_is_shown(
    user: str, rest: str, host: str
) -> None:
    shown = shown_url(f"redis://{user}:{SECRET}{rest}@{host}")

    assert SECRET not in shown


@pytest.mark.parametrize("url", ["", "localhost:6379", "http://localhost", "//localhost", "redis"])
def test_what_is_no_redis_url_is_refused_in_one_line(url: str) -> None:
    for opened in (open_client, open_blocking_client):
        with pytest.raises(SettingsError, match="starts with redis://, rediss:// or unix://"):
            opened(url)


@pytest.mark.parametrize(
    "url",
    [
        f"redis://:{SECRET}@localhost:port/0",
        f"redis://:{SECRET}@localhost:99999/0",
        f"redis://:{SECRET}@[::1/0",
        f"redis://:{SECRET}@localhost/0?socket_timeout=soon",
        f"redis://:{SECRET}@localhost/0?colour=blue",
        f"redis://:{SECRET}@localhost/0?decode_responses=true",
        f"redis://:{SECRET}@localhost/0?protocol=3",
        f"redis://:a/{SECRET}@localhost:6379/0",
        f"REDIS://:{SECRET}@localhost:99999",
    ],
)
async def test_a_mistyped_url_is_one_line_that_says_so(url: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        async with connected(url):
            pass

    assert SECRET not in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert "URL" in str(refusal.value)


async def test_a_connection_is_ready_when_it_is_handed_out(redis_url: str) -> None:
    async with connected(redis_url) as client:
        assert await client.ping()


async def test_a_server_that_is_not_there_is_one_line_with_the_next_step() -> None:
    with pytest.raises(ServerUnavailableError) as refusal:
        async with connected(f"redis://:{SECRET}@127.0.0.1:1/0"):
            pass

    said = str(refusal.value)
    assert said.startswith("no Redis at redis://:***@127.0.0.1:1/0 (")
    assert said.endswith("): start one there, or set REDIS_URL to one that runs")
    assert "\n" not in said
    assert SECRET not in said


@contextmanager
def stranger(answer: bytes) -> Iterator[int]:
    """A server that speaks something else; the value is its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                connection.recv(1000)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", b"\x15\x03\x01"])
async def test_a_server_that_is_no_redis_is_no_traceback(answer: bytes) -> None:
    with (
        stranger(answer) as port,
        pytest.raises(ServerUnavailableError, match=f"no Redis at redis://127.0.0.1:{port}"),
    ):
        async with connected(f"redis://127.0.0.1:{port}"):
            pass


@pytest.mark.parametrize("given", ["", "default:wrong@", "nobody:wrong@"])
async def test_wrong_credentials_are_told_from_a_missing_server(
    given: str, own_server: EmbeddedServer
) -> None:
    async with Redis.from_url(own_server.url) as client:
        await client.config_set("requirepass", SECRET)

    with pytest.raises(ServerUnavailableError) as refusal:
        async with connected(own_server.url.replace("redis://", f"redis://{given}")):
            pass

    assert "refused the credentials" in str(refusal.value)
    assert "check user and password in REDIS_URL" in str(refusal.value)
    assert "wrong" not in str(refusal.value).partition("refused")[0]


async def test_no_command_is_sent_twice_by_the_client_library(redis_url: str) -> None:
    """A repeated XADD is a second job."""
    async with connected(redis_url) as client:
        assert client.connection_pool.connection_kwargs["retry"].get_retries() == 0
    with open_blocking_client(redis_url) as blocking:
        assert blocking.connection_pool.connection_kwargs["retry"].get_retries() == 0


@pytest.mark.parametrize(
    "option", ["retry_on_timeout=true", "retry_on_error=x", "retry=3", "socket_timeout=0.1"]
)
def test_a_url_cannot_switch_repeats_on_or_cut_a_blocking_read_short(option: str) -> None:
    for opened in (open_client, open_blocking_client):
        with pytest.raises(SettingsError, match="options are db, protocol, ssl_ca_certs"):
            opened(f"redis://localhost/0?{option}")


async def test_a_connection_that_the_server_has_closed_is_not_handed_out(
    own_server: EmbeddedServer,
) -> None:
    """The first call after a restart works, without anybody repeating it."""
    async with connected(own_server.url) as client:
        await anyio.to_thread.run_sync(own_server.restart)
        assert await client.ping()


async def test_who_finds_all_connections_taken_waits_for_one(redis_url: str) -> None:
    async with connected(redis_url) as client:

        async def wait_a_little() -> None:
            await client.blpop(["nothing"], 0.05)

        async with anyio.create_task_group() as many:
            for _ in range(CONNECTIONS_MAX + 50):
                many.start_soon(wait_a_little)
        assert len(await client.client_list()) <= CONNECTIONS_MAX + 1


async def test_a_cancelled_command_leaves_no_answer_to_the_next_one(redis_url: str) -> None:
    async with connected(redis_url) as client:
        for _ in range(20):
            with anyio.move_on_after(0):
                await client.echo("for nobody")
            with anyio.move_on_after(0.001):
                await client.blpop(["nothing"], 0.01)
            assert await client.echo("for me") == b"for me"


async def test_a_server_that_does_not_answer_is_given_up(redis_url: str) -> None:
    async with Proxy(redis_url) as proxy, connected(proxy.url, reply_timeout_s=0.2) as client:
        proxy.set(Mode.BLACKHOLE)
        with pytest.raises(RedisTimeoutError):
            await client.ping()
        proxy.set(Mode.RELAY)
        assert await client.ping()
