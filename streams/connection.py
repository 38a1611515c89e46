"""Connecting to Redis, and saying what is wrong when that fails.

Two habits of the client library are switched off. It repeats commands by itself, which
turns one XADD into two entries when an answer is lost; here only calls are repeated that
are the same call. And its socket timeout of a few seconds would end blocking reads.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit

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
_SCHEMES = {"redis", "rediss", "unix"}


def shown_url(url: str) -> str:
    """*url* as it may be shown: without its password."""
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return urlunsplit(parts._replace(query="", fragment=""))
    credentials, _, host = parts.netloc.rpartition("@")
    user = credentials.partition(":")[0]
    return urlunsplit(parts._replace(netloc=f"{user}:***@{host}", query="", fragment=""))


def open_client(url: str) -> "aioredis.Redis":
    """An asynchronous client for *url*; it connects at the first command.

    Raises:
        SettingsError: *url* is no Redis URL.
    """
    _require_url(url)
    return aioredis.Redis.from_url(
        url,
        socket_timeout=SOCKET_TIMEOUT_S,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        max_connections=CONNECTIONS_MAX,
        retry=AsyncRetry(NoBackoff(), 0),
        client_name="millstream",
    )


def open_blocking_client(url: str) -> "redis.Redis":
    """The same for threads.

    Raises:
        SettingsError: *url* is no Redis URL.
    """
    _require_url(url)
    return redis.Redis.from_url(
        url,
        socket_timeout=CONNECT_TIMEOUT_S,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
        client_name="millstream-heartbeat",
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


def _require_url(url: str) -> None:
    if urlsplit(url).scheme not in _SCHEMES:
        raise SettingsError(
            f"a Redis URL starts with redis://, rediss:// or unix://, got {shown_url(url)!r}"
        )


def _reason(error: BaseException) -> str:
    """One line of *error* that names no credentials: the address stands beside it."""
    return str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
