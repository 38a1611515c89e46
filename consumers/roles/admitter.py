"""Lets jobs into the streams of a fair queue, in the turn of their tenants."""

import anyio
from redis.exceptions import RedisError

from consumers.logs import Logger
from consumers.metrics import Metrics
from consumers.outage import Outage
from streams.backlog import admit
from streams.keys import Keys
from streams.server import Server
from streams.settle import Retention

#: Waits between two tries at a server that does not answer.
BACKOFF_FIRST_S, BACKOFF_LAST_S = 0.5, 5.0


class Admitter:
    """The role that keeps the streams filled; without a backlog it does nothing at all."""

    def __init__(
        self, server: Server, keys: Keys, retention: Retention, metrics: Metrics, log: Logger
    ) -> None:
        self._server = server
        self._keys = keys
        self._retention = retention
        self._outage = Outage(
            "admitter", metrics, log, first_s=BACKOFF_FIRST_S, last_s=BACKOFF_LAST_S
        )
        self._wanted = anyio.Event()

    def heard(self, queued: int) -> None:
        """A fetch has seen so many jobs that wait for their turn."""
        if queued:
            self._wanted.set()

    async def run(self, stopping: anyio.Event) -> None:
        """Admit until *stopping*; any number of workers may do so at once."""
        async with anyio.create_task_group() as ending:
            ending.start_soon(self._admit_for_ever)
            await stopping.wait()
            ending.cancel_scope.cancel()

    async def _admit_for_ever(self) -> None:
        while True:
            await self._wanted.wait()
            # Whoever is heard from now on may have seen room that this call does not see.
            self._wanted = anyio.Event()
            try:
                _moved, is_more = await admit(self._server, self._keys, self._retention)
            except (RedisError, OSError) as error:
                await anyio.sleep(self._outage.failed("admit_failed", error))
            else:
                self._outage.over()
                if is_more:
                    self._wanted.set()
