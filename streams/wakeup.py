"""The sleep of an idle consumer in a blocked read, and ending it from outside.

A read that is cancelled on our side goes on at the server's, and may take a job that nobody
hears of. Told by the server to end, it answers as if its time was over: with nothing, or with
the job that came first.
"""

from collections.abc import Collection

import anyio
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from streams.fetch import wait_for_one
from streams.job import Delivery
from streams.keys import Keys
from streams.lane import Lane
from streams.priority import LEVELS, Priority

#: Between two tries to end a read that may not have begun at the server.
TRY_AGAIN_S = 0.02


class Sleeper:
    """Reads over *reader*, which it has for itself; is woken over *client*."""

    def __init__(self, reader: Lane, client: Redis, keys: Keys, consumer: str) -> None:
        self._reader = reader
        self._client = client
        self._keys = keys
        self._consumer = consumer
        self._connection: int | None = None
        self._connected = 0
        self._sleeps = False

    async def sleep(
        self, *, block_ms: int, levels: Collection[Priority] = LEVELS
    ) -> Delivery | None:
        """Wait for a job of *levels* and take it; None after *block_ms*, or when woken.

        Raises:
            RedisError: what the server or the network says.
        """
        if self._connection is None or self._connected != self._reader.connected:
            self._connection = await _number_of(self._reader)
            self._connected = self._reader.connected
        self._sleeps = True
        try:
            return await wait_for_one(
                self._reader, self._keys, self._consumer, block_ms=block_ms, levels=levels
            )
        except BaseException:
            # The next read is over a connection of another number.
            self._connection = None
            raise
        finally:
            self._sleeps = False

    async def wake(self) -> None:
        """End the sleep, if there is one.

        A user without the right to do so waits for its end instead.
        """
        while self._sleeps and self._connection is not None:
            try:
                await self._client.client_unblock(self._connection)
            except (RedisError, OSError):
                return
            await anyio.sleep(TRY_AGAIN_S)

    def look_again(self) -> None:
        """Connect anew for the next read: the master may be somewhere else now."""
        self._reader.leave()


async def _number_of(lane: Lane) -> int | None:
    try:
        return int(await lane.call(("CLIENT", "ID")))
    except ResponseError:
        return None
