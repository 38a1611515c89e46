"""Telling those who watch which jobs begin."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from redis.exceptions import RedisError

from streams.events import tell_started
from streams.job import Delivery
from streams.keys import Keys
from streams.server import Server


class Starts:
    """Tells of the jobs that a fetcher has taken, while somebody watches.

    Nobody waits for that, and what cannot be told is not: the job has begun.
    """

    def __init__(self, server: Server, keys: Keys) -> None:
        self._server = server
        self._keys = keys
        self._telling: set[asyncio.Task[None]] = set()
        #: As the last fetch has said.
        self.is_watched = False

    def begin(self, deliveries: Sequence[Delivery]) -> None:
        """*deliveries* are about to run."""
        if not deliveries or not self.is_watched:
            return
        task = asyncio.get_running_loop().create_task(self._tell(deliveries))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _tell(self, deliveries: Sequence[Delivery]) -> None:
        with suppress(RedisError, OSError):
            await tell_started(self._server, self._keys, deliveries)
