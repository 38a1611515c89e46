"""Connections that say in one way that they are lost.

uvloop refuses to write to a connection that the server has closed with a RuntimeError,
where asyncio's own loop has a ConnectionError. Whoever waits for a server to come back
would take the first for a defect of the program, and end.
"""

from collections.abc import Iterable

from redis.asyncio import Redis
from redis.asyncio.connection import (
    AbstractConnection,
    Connection,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.exceptions import ConnectionError as RedisConnectionError


class _Telling(AbstractConnection):
    async def send_packed_command(
        self,
        command: bytes | str | Iterable[bytes],
        check_health: bool = True,  # noqa: FBT001, FBT002 - the base's signature
    ) -> None:
        try:
            await super().send_packed_command(command, check_health)
        except RuntimeError as error:
            raise RedisConnectionError(f"Connection lost: {error}") from error


class _Tcp(_Telling, Connection):
    pass


class _Tls(_Telling, SSLConnection):
    pass


class _Unix(_Telling, UnixDomainSocketConnection):
    pass


_TELLING: dict[type[AbstractConnection], type[AbstractConnection]] = {
    Connection: _Tcp,
    SSLConnection: _Tls,
    UnixDomainSocketConnection: _Unix,
}


def tell_lost_connections(client: Redis) -> None:
    """Have *client* raise redis-py's ConnectionError for a lost connection, on any loop."""
    pool = client.connection_pool
    pool.connection_class = _TELLING[pool.connection_class]
