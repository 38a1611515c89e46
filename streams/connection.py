"""Connecting to Redis, and saying what is wrong when that fails.

Habits of the client library that are switched off: it repeats commands by itself, which
turns one XADD into two entries when an answer is lost; here only calls are repeated that
are the same call. It listens for notices of a hosted server's maintenance, and for their
sake hands out connections that the server has closed long ago. And its socket timeout is
one for all: a blocking read needs another one than a heartbeat, which has five chances in a
lease.
"""

import re
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import anyio
import redis
from redis import asyncio as aioredis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

from streams.errors import SettingsError
from streams.trouble import is_starting
from streams.unreachable import unreachable

#: A command without an answer for so long has lost its connection, whatever the kernel
#: thinks of it. Whoever waits in a blocking read adds the time of the wait.
REPLY_TIMEOUT_S = 5.0
CONNECT_TIMEOUT_S = 5.0
#: Connections of one client; who needs one more waits for it, as long as for an answer.
CONNECTIONS_MAX = 128
#: A server that reads its data for longer than this at a worker's start has not come up.
LOADING_MAX_S = 600.0
#: What may stand behind the `?` of a URL. The rest of the client's options belongs to this
#: module: `retry_on_timeout=true` would make two jobs of one.
URL_OPTIONS = (
    "db",
    "protocol",
    "ssl_ca_certs",
    "ssl_ca_path",
    "ssl_cert_reqs",
    "ssl_certfile",
    "ssl_check_hostname",
    "ssl_keyfile",
    "ssl_password",
)
_LOADING_LOOK_S = 0.25
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


def open_client(url: str, *, reply_timeout_s: float = REPLY_TIMEOUT_S) -> "aioredis.Redis":
    """An asynchronous client for *url*; it connects at the first command.

    Raises:
        SettingsError: *url* is no Redis URL.
    """

    def from_url() -> "aioredis.Redis":
        pool: aioredis.BlockingConnectionPool = aioredis.BlockingConnectionPool.from_url(
            url,
            **_every_client(url),
            socket_timeout=reply_timeout_s,
            socket_connect_timeout=CONNECT_TIMEOUT_S,
            timeout=reply_timeout_s,
            max_connections=CONNECTIONS_MAX,
            retry=AsyncRetry(NoBackoff(), 0),
            client_name="millstream",
        )
        return aioredis.Redis.from_pool(pool)

    return _opened(url, from_url)


def open_blocking_client(
    url: str, *, reply_timeout_s: float = REPLY_TIMEOUT_S, name: str = "millstream-heartbeat"
) -> "redis.Redis":
    """The same for threads; *name* is what CLIENT LIST shows.

    Raises:
        SettingsError: *url* is no Redis URL.
    """
    return _opened(
        url,
        lambda: redis.Redis.from_url(
            url,
            **_every_client(url),
            socket_timeout=reply_timeout_s,
            socket_connect_timeout=min(CONNECT_TIMEOUT_S, reply_timeout_s),
            max_connections=CONNECTIONS_MAX,
            retry=Retry(NoBackoff(), 0),
            client_name=name,
        ),
    )


@asynccontextmanager
async def connected(
    url: str, *, reply_timeout_s: float = REPLY_TIMEOUT_S, loading_s: float = 0.0
) -> AsyncGenerator["aioredis.Redis"]:
    """A client that has had its first answer, closed at the end.

    A server that is still reading its data is waited for up to *loading_s*.

    Raises:
        SettingsError: *url* is no Redis URL.
        ServerUnavailableError: no answer, no trust, or the server refused the credentials.
    """
    client = open_client(url, reply_timeout_s=reply_timeout_s)
    try:
        try:
            await _first_answer(client, loading_s)
        except (RedisError, OSError) as error:
            raise unreachable(shown_url(url), error) from error
        yield client
    finally:
        await client.aclose()


async def _first_answer(client: "aioredis.Redis", loading_s: float) -> None:
    give_up_s = anyio.current_time() + loading_s
    while True:
        try:
            await client.ping()
        except RedisError as error:
            if not is_starting(error) or anyio.current_time() >= give_up_s:
                raise
        else:
            return
        await anyio.sleep(_LOADING_LOOK_S)


def _every_client(url: str) -> Mapping[str, Any]:
    """What all clients have in common.

    The kernel looks after idle TCP connections: the other end may have gone silently.
    """
    options: dict[str, Any] = {
        "maint_notifications_config": MaintNotificationsConfig(enabled=False)
    }
    return options if url.startswith("unix://") else {**options, "socket_keepalive": True}


def _opened(url: str, from_url: Callable[[], _Client]) -> _Client:
    """A client, if *url* and its options can be read.

    The reasons of the parser are not shown: they quote what may be part of a password.
    """
    if not url.startswith(_SCHEMES):
        raise SettingsError(
            f"a Redis URL starts with redis://, rediss:// or unix://, got {shown_url(url)!r}"
        )
    with suppress(TypeError, ValueError, RedisError):
        if set(parse_qs(urlsplit(url).query)) <= set(URL_OPTIONS):
            client = from_url()
            pool: Any = client.connection_pool
            pool.make_connection()
            # Answers in the forms of RESP3 are not what is read here.
            if str(pool.connection_kwargs.get("protocol") or 2) == "2":
                return client
    raise SettingsError(
        f"the Redis URL {shown_url(url)} cannot be used: a host, port or option in it is "
        "wrong; write /, ?, # and @ in a password as %2F, %3F, %23 and %40; options are "
        f"{', '.join(URL_OPTIONS)}"
    )
