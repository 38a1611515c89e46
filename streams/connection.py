"""Connecting to Redis, and saying what is wrong when that fails.

Two habits of the client library are switched off. It repeats commands by itself, which
turns one XADD into two entries when an answer is lost; here only calls are repeated that
are the same call. And its socket timeout of a few seconds would end blocking reads.
"""

import re
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

import redis
from redis import asyncio as aioredis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, AuthorizationError, RedisError
from redis.retry import Retry

from streams.errors import ServerUnavailableError, SettingsError

#: Longer than any blocking read, so that a read that ends late is not taken for a fault.
SOCKET_TIMEOUT_S = 15.0
CONNECT_TIMEOUT_S = 5.0
#: Connections of one client; a worker uses about one a running job.
CONNECTIONS_MAX = 128
_SCHEMES = ("redis://", "rediss://", "unix://")
_USER = re.compile(r"[\w.-]*")
_PLACE = re.compile(r"(\[[\da-fA-F:.]+\]|[^:/\[\]]*)(:\d*)?(/.*)?")

_Client = TypeVar("_Client", "aioredis.Redis", "redis.Redis")


def shown_url(url: str) -> str:
    """*url* as it may be shown: without its password.

    It is cut by hand, because it may be mistyped: a `/`, `?` or `#` in a password ends
    what a parser takes for the credentials, and the rest would be shown.
    """
    scheme, mark, rest = url.partition("://") if "://" in url else ("", "", url)
    credentials, at, place = rest.rpartition("@")
    place = re.split(r"[?#]", place, maxsplit=1)[0]
    if not at:
        return f"{scheme}{mark}{place if _PLACE.fullmatch(place) else '***'}"
    user, colon, _ = credentials.partition(":")
    shown = user if mark and colon and _USER.fullmatch(user) else ""
    return f"{scheme}{mark}{shown}:***@{place}"


def open_client(url: str) -> "aioredis.Redis":
    """An asynchronous client for *url*; it connects at the first command.

    Raises:
        SettingsError: *url* is no Redis URL.
    """
    return _opened(
        url,
        lambda: aioredis.Redis.from_url(
            url,
            socket_timeout=SOCKET_TIMEOUT_S,
            socket_connect_timeout=CONNECT_TIMEOUT_S,
            max_connections=CONNECTIONS_MAX,
            retry=AsyncRetry(NoBackoff(), 0),
            client_name="millstream",
        ),
    )


def open_blocking_client(url: str) -> "redis.Redis":
    """The same for threads.

    Raises:
        SettingsError: *url* is no Redis URL.
    """
    return _opened(
        url,
        lambda: redis.Redis.from_url(
            url,
            socket_timeout=CONNECT_TIMEOUT_S,
            socket_connect_timeout=CONNECT_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
            client_name="millstream-heartbeat",
        ),
    )


@asynccontextmanager
async def connected(url: str) -> AsyncGenerator["aioredis.Redis"]:
    """A client that has had its first answer, closed at the end.

    Raises:
        SettingsError: *url* is no Redis URL.
        ServerUnavailableError: no answer, or the server refused the credentials.
    """
    client = open_client(url)
    try:
        try:
            await client.ping()
        except (AuthenticationError, AuthorizationError) as error:
            raise ServerUnavailableError(
                f"Redis at {shown_url(url)} refused the credentials ({error}): "
                "check user and password in REDIS_URL"
            ) from error
        except (RedisError, OSError) as error:
            raise ServerUnavailableError(
                f"no Redis at {shown_url(url)} ({_reason(error)}): start one there, "
                "or set REDIS_URL to one that runs"
            ) from error
        yield client
    finally:
        await client.aclose()


def _opened(url: str, from_url: Callable[[], _Client]) -> _Client:
    """A client, if *url* and its options can be read.

    The reasons of the parser are not shown: they quote what may be part of a password.
    """
    if not url.startswith(_SCHEMES):
        raise SettingsError(
            f"a Redis URL starts with redis://, rediss:// or unix://, got {shown_url(url)!r}"
        )
    with suppress(TypeError, ValueError):
        client = from_url()
        pool: Any = client.connection_pool
        pool.make_connection()
        # Answers as text, or in the forms of RESP3, are not what is read here.
        protocol = str(pool.connection_kwargs.get("protocol") or 2)
        if protocol == "2" and not pool.get_encoder().decode_responses:
            return client
    raise SettingsError(
        f"the Redis URL {shown_url(url)} cannot be used: a host, port or option in it is "
        "wrong; write /, ?, # and @ in a password as %2F, %3F, %23 and %40"
    )


def _reason(error: BaseException) -> str:
    """One line of *error* that names no credentials: the address stands beside it."""
    return str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
