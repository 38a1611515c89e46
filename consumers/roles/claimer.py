"""Takes over what lost consumers left, about once a second, in every worker."""

import random
import time

import anyio
from redis.exceptions import RedisError

from consumers.failpoints import failpoint
from consumers.inflight import Inflight
from consumers.logs import Logger
from consumers.metrics import Metrics
from consumers.orphans import Orphans
from consumers.pool import Pool
from streams.claim import Lapsed, Window, claim, sweep
from streams.clock import Clock, ClockGuard
from streams.keys import NOBODIES, NOBODY_SUSPECT, Keys
from streams.restamp import restamp
from streams.server import Server
from streams.settle import Retention
from streams.trouble import is_group_lost

#: Between two sweeps; jittered, so that workers do not sweep together.
SWEEP_S = 1.0


class Claimer:
    """The role that makes a crash cost one lease and no job.

    Suspects are taken one at a time, and only while the place for a job that runs alone is
    free. A jump of the server's clock suspends claiming for one lease.
    """

    def __init__(
        self,
        server: Server,
        keys: Keys,
        consumer: str,
        retention: Retention,
        inflight: Inflight,
        orphans: Orphans,
        metrics: Metrics,
        log: Logger,
    ) -> None:
        self._server = server
        self._keys = keys
        self._consumer = consumer
        self._retention = retention
        self._inflight = inflight
        self._orphans = orphans
        self._metrics = metrics
        self._log = log
        self._clock = ClockGuard(retention.lease_ms)
        # Whether the clock was put back before this worker began, nobody can tell.
        self._restamp_due = True

    async def run(self, pool: Pool, stopping: anyio.Event) -> None:
        """Sweep until *stopping*."""
        while not stopping.is_set():
            try:
                if self._restamp_due:
                    await self._restamp()
                await self._sweep(pool)
            except (RedisError, OSError) as error:
                # A claim may have been carried out whose answer was lost.
                self._orphans.doubt()
                self._metrics.role_failed("claimer")
                if not is_group_lost(error):
                    self._log.warning("claim_failed", error=str(error))
            with anyio.move_on_after(SWEEP_S * random.uniform(0.75, 1.25)):
                await stopping.wait()

    async def _sweep(self, pool: Pool) -> None:
        """Follow the pending lists to their end, and take what may be taken."""
        async for window in sweep(self._server, self._keys, lease_ms=self._retention.lease_ms):
            self._watch_clock(window)
            lapsed = [each for each in window.rows if self._may_take(each)]
            while lapsed:
                slots = await self._inflight.reserve(len(lapsed), first=True)
                if not slots:
                    return
                batch, lapsed = lapsed[:slots], lapsed[slots:]
                expected = {(each.level, each.entry) for each in batch}
                self._inflight.expected |= expected
                try:
                    await self._claim(batch, pool)
                finally:
                    self._inflight.expected -= expected
                    self._inflight.release(slots)

    def _watch_clock(self, window: Window) -> None:
        clock = self._clock.look(window.seen)
        if clock is Clock.STEADY:
            return
        self._restamp_due |= clock is Clock.BACK
        self._metrics.clock_jumped()
        self._log.error(
            "server_clock_jumped",
            direction=clock.value,
            hint="the clock of the Redis server was changed: nothing is claimed for one lease, "
            "so that no running job is taken for lost; let NTP slew it instead of stepping",
        )

    def _may_take(self, lapsed: Lapsed) -> bool:
        """False for an entry whose handler runs here, and for what is not to be touched now.

        It is not taken over from oneself: the next renewal either saves it or ends the
        handler. What nobody has was not lost, so the clock does not matter.
        """
        if self._inflight.has_entry(lapsed.level, lapsed.entry):
            return False
        if lapsed.owner == NOBODY_SUSPECT:
            return self._inflight.solo_free
        return lapsed.owner in NOBODIES or self._clock.may_claim(time.monotonic())

    async def _claim(self, lapsed: list[Lapsed], pool: Pool) -> None:
        claimed = await claim(
            self._server,
            self._keys,
            self._consumer,
            lapsed,
            self._retention,
            suspects_max=1 if self._inflight.solo_free else 0,
        )
        failpoint("after_claim")
        owners = {(each.level, each.entry): each.owner for each in lapsed}
        for delivery in claimed.deliveries:
            self._log.warning(
                "job_claimed",
                job_id=delivery.id,
                kind=delivery.kind,
                lost_by=owners[delivery.token.level, delivery.token.entry],
                losses=delivery.losses,
                alone=delivery.suspect,
            )
            pool.start(delivery)
        for dead in claimed.dead:
            self._log.error("job_failed", job_id=dead.id, cause="lost", lost_by=dead.owner)
        self._metrics.claimed(len(claimed.deliveries))

    async def _restamp(self) -> None:
        """Leases that were given before the clock was put back begin anew."""
        stamped = await restamp(self._server, self._keys, lease_ms=self._retention.lease_ms)
        self._restamp_due = False
        if stamped:
            self._log.warning("leases_restamped", entries=stamped)
