"""Takes jobs for free slots, and sleeps in a blocking read while there are none."""

import anyio
from redis.asyncio import Redis
from redis.exceptions import RedisError

from consumers.health import Health
from consumers.inflight import Inflight
from consumers.logs import Logger
from consumers.metrics import Metrics
from consumers.pool import Pool
from streams.fetch import FETCH_MAX, fetch, wait_for_one
from streams.groups import ensure_groups, is_group_lost
from streams.job import Delivery
from streams.keys import Keys
from streams.server import Server

#: How long an idle worker sleeps in a read. A job that was handed back wakes nobody, so
#: this is also the longest that it waits for an idle worker; under a second is promised.
BLOCK_MS = 700
#: Waits between two tries at a server that does not answer.
BACKOFF_FIRST_S, BACKOFF_LAST_S = 0.1, 5.0


class Fetcher:
    """The role that brings jobs in; it is ready as long as it can."""

    def __init__(
        self,
        server: Server,
        reader: Redis,
        keys: Keys,
        consumer: str,
        inflight: Inflight,
        health: Health,
        metrics: Metrics,
        log: Logger,
    ) -> None:
        self._server = server
        self._reader = reader
        self._keys = keys
        self._consumer = consumer
        self._inflight = inflight
        self._health = health
        self._metrics = metrics
        self._log = log
        self._served = 0

    async def run(self, pool: Pool, stopping: anyio.Event) -> None:
        """Fetch until *stopping*.

        A blocking read is never cancelled, it is waited for: a cancelled one can have a
        job on its way that nobody would run.
        """
        wait_s = BACKOFF_FIRST_S
        while not stopping.is_set():
            try:
                await self._fetch_once(pool)
            except (RedisError, OSError) as error:
                self._health.unready("fetcher", f"cannot fetch: {error}")
                self._metrics.role_failed("fetcher")
                self._log.warning("fetch_failed", error=str(error))
                await self._mend(error)
                with anyio.move_on_after(wait_s):
                    await stopping.wait()
                wait_s = min(wait_s * 2, BACKOFF_LAST_S)
            else:
                self._health.ready("fetcher")
                wait_s = BACKOFF_FIRST_S

    async def _fetch_once(self, pool: Pool) -> None:
        slots = await self._inflight.reserve(FETCH_MAX)
        if not slots:
            return
        try:
            deliveries = await fetch(
                self._server, self._keys, self._consumer, slots=slots, served=self._served
            )
            if not deliveries:
                # One comes at most. The claimer may have the other slots meanwhile.
                self._inflight.release(slots - 1)
                slots = 1
                deliveries = await self._wait()
            self._served += len(deliveries)
            for delivery in deliveries:
                pool.start(delivery)
        finally:
            self._inflight.release(slots)

    async def _wait(self) -> list[Delivery]:
        one = await wait_for_one(self._reader, self._keys, self._consumer, block_ms=BLOCK_MS)
        return [one] if one else []

    async def _mend(self, error: BaseException) -> None:
        """A flushed or replaced server has lost the groups: make them again, from 0."""
        if not is_group_lost(error):
            return
        try:
            created = await ensure_groups(self._server.client, self._keys)
        except (RedisError, OSError):
            return
        self._log.error(
            "groups_recreated",
            created=created,
            hint="streams or groups were gone: a flush, a failover or a deleted key; "
            "jobs that were in them are lost",
        )
