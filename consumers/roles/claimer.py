"""Takes over what lost consumers left, about once a second, in every worker."""

import random

import anyio
from redis.exceptions import RedisError

from consumers.inflight import Inflight
from consumers.logs import Logger
from consumers.metrics import Metrics
from consumers.pool import Pool
from streams.claim import Lapsed, claim, sweep
from streams.groups import is_group_lost
from streams.keys import Keys
from streams.server import Server
from streams.settle import Retention

#: Between two sweeps; jittered, so that workers do not sweep together.
SWEEP_S = 1.0


class Claimer:
    """The role that makes a crash cost one lease and no job."""

    def __init__(
        self,
        server: Server,
        keys: Keys,
        consumer: str,
        retention: Retention,
        inflight: Inflight,
        metrics: Metrics,
        log: Logger,
    ) -> None:
        self._server = server
        self._keys = keys
        self._consumer = consumer
        self._retention = retention
        self._inflight = inflight
        self._metrics = metrics
        self._log = log

    async def run(self, pool: Pool, stopping: anyio.Event) -> None:
        """Sweep until *stopping*."""
        while not stopping.is_set():
            try:
                await self._sweep(pool)
            except (RedisError, OSError) as error:
                self._metrics.role_failed("claimer")
                if not is_group_lost(error):
                    self._log.warning("claim_failed", error=str(error))
            with anyio.move_on_after(SWEEP_S * random.uniform(0.75, 1.25)):
                await stopping.wait()

    async def _sweep(self, pool: Pool) -> None:
        async for window in sweep(self._server, self._keys, lease_ms=self._retention.lease_ms):
            lapsed = [each for each in window if not self._runs_here(each)]
            while lapsed:
                slots = await self._inflight.reserve(len(lapsed))
                if not slots:
                    return
                try:
                    await self._claim(lapsed[:slots], pool)
                finally:
                    self._inflight.release(slots)
                lapsed = lapsed[slots:]

    def _runs_here(self, lapsed: Lapsed) -> bool:
        """True for an entry whose handler runs here.

        It is not taken over from oneself: the next renewal either saves it or ends the
        handler.
        """
        return self._inflight.has_entry(lapsed.level, lapsed.entry)

    async def _claim(self, lapsed: list[Lapsed], pool: Pool) -> None:
        claimed = await claim(self._server, self._keys, self._consumer, lapsed, self._retention)
        owners = {each.entry: each.owner for each in lapsed}
        for delivery in claimed.deliveries:
            self._log.warning(
                "job_claimed",
                job_id=delivery.id,
                kind=delivery.kind,
                lost_by=owners[delivery.token.entry],
            )
            pool.start(delivery)
        for dead in claimed.dead:
            self._log.error("job_failed", job_id=dead.id, cause="lost", lost_by=dead.owner)
        self._metrics.claimed(len(claimed.deliveries))
