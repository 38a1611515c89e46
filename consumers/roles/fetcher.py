"""Takes jobs for free slots, and sleeps in a blocking read while there are none."""

import asyncio
from contextlib import suppress

import anyio
from redis.exceptions import RedisError

from consumers.dues import Dues
from consumers.failpoints import failpoint
from consumers.ground import Ground
from consumers.health import Health
from consumers.inflight import Inflight
from consumers.logs import Logger
from consumers.metrics import Metrics
from consumers.orphans import Orphans
from consumers.outage import Outage
from consumers.pool import Pool
from consumers.starts import Starts
from streams.clock import ServerClock
from streams.fetch import FETCH_MAX, fetch
from streams.job import Delivery
from streams.keys import Keys
from streams.lane import Lane
from streams.priority import LEVELS, Priority
from streams.server import Server
from streams.trouble import is_group_lost, is_read_only
from streams.wakeup import Sleeper

#: How long an idle worker sleeps in a read. What no read ends by, a job that was handed back
#: or the end of a pause, wakes it; where that is missed, this is the longest that it waits.
BLOCK_MS = 1800
#: A read that is not answered so long after its end has lost its connection.
READ_TIMEOUT_S = BLOCK_MS / 1000 + 2.0
#: Reads in a row, each begun before the jobs of the last one run. Between two such rows
#: what is pending may be compared with what is in hand.
ROUNDS_MAX = 20
#: Waits between two tries at a server that does not answer.
BACKOFF_FIRST_S, BACKOFF_LAST_S = 0.1, 5.0


class Fetcher:
    """The role that brings jobs in; it is ready as long as it can."""

    def __init__(
        self,
        server: Server,
        reader: Lane,
        keys: Keys,
        consumer: str,
        inflight: Inflight,
        orphans: Orphans,
        ground: Ground,
        dues: Dues,
        clock: ServerClock,
        health: Health,
        metrics: Metrics,
        log: Logger,
    ) -> None:
        self._server = server
        self._sleeper = Sleeper(reader, server.client, keys, consumer)
        self._keys = keys
        self._consumer = consumer
        self._inflight = inflight
        self._orphans = orphans
        self._ground = ground
        self._dues = dues
        self._clock = clock
        self._health = health
        self._outage = Outage(
            "fetcher", metrics, log, first_s=BACKOFF_FIRST_S, last_s=BACKOFF_LAST_S
        )
        self._served = 0
        self._starts = Starts(server, keys)
        self._paused: tuple[Priority, ...] = ()
        self._roused = anyio.Event()
        self._metrics, self._log = metrics, log
        self._loop = asyncio.get_running_loop()

    async def run(self, pool: Pool, stopping: anyio.Event) -> None:
        """Fetch until *stopping*.

        A blocking read is never cancelled, it is woken: a cancelled one can have a job on
        its way that nobody would run.
        """
        async with anyio.create_task_group() as waking:
            waking.start_soon(self._wake_at, stopping)
            await self._fetch_until(stopping, pool)

    async def wake(self) -> None:
        """End its sleep: there may be something that no read ends by."""
        self._roused.set()
        await self._sleeper.wake()

    async def _wake_at(self, stopping: anyio.Event) -> None:
        await stopping.wait()
        await self.wake()

    async def _fetch_until(self, stopping: anyio.Event, pool: Pool) -> None:
        while not stopping.is_set():
            try:
                await self._fetch_once(stopping, pool)
            except (RedisError, OSError) as error:
                self._health.unready("fetcher", f"cannot fetch: {error}")
                wait_s = self._outage.failed("fetch_failed", error)
                await self._mend(error)
                with anyio.move_on_after(wait_s):
                    await stopping.wait()
            else:
                self._health.ready("fetcher")
                self._outage.over()

    async def _fetch_once(self, stopping: anyio.Event, pool: Pool) -> None:
        slots = await self._inflight.reserve(FETCH_MAX)
        if not slots:
            return
        try:
            async with self._orphans.reading():
                deliveries = await self._fetch(slots)
                for _ in range(ROUNDS_MAX):
                    is_more = len(deliveries) == slots and not stopping.is_set()
                    ahead_slots = self._inflight.reserve_at_once(FETCH_MAX) if is_more else 0
                    if not ahead_slots:
                        break
                    started, slots = slots, slots + ahead_slots
                    # The next ones come while these run: neither waits for the other.
                    ahead = self._loop.create_task(self._fetch(ahead_slots))
                    await anyio.lowlevel.checkpoint()
                    self._start(deliveries, pool)
                    self._inflight.release(started)
                    slots = ahead_slots
                    deliveries = await ahead
                if not deliveries and not stopping.is_set():
                    # One comes at most. The claimer may have the other slots meanwhile.
                    self._inflight.release(slots - 1)
                    slots = 1
                    deliveries = await self._sleep()
                self._start(deliveries, pool)
        finally:
            self._inflight.release(slots)

    async def _fetch(self, slots: int) -> list[Delivery]:
        asked_s = self._dues.now_s()
        found = await fetch(
            self._server, self._keys, self._consumer, slots=slots, served=self._served
        )
        self._served += len(found.deliveries)
        self._dues.heard(found.due_in_ms, asked_s=asked_s)
        self._starts.is_watched = found.is_watched
        self._clock.heard(found.server_ms)
        self._hear_of_pause(found.paused)
        return found.deliveries

    def _hear_of_pause(self, paused: tuple[Priority, ...]) -> None:
        if paused != self._paused:
            self._paused = paused
            self._metrics.paused(len(paused))
            self._log.info("queue_paused" if paused else "queue_resumed", levels=[*paused])

    def _start(self, deliveries: list[Delivery], pool: Pool) -> None:
        if deliveries:
            failpoint("after_fetch")
        self._starts.begin(deliveries)
        for delivery in deliveries:
            pool.start(delivery)

    async def _sleep(self) -> list[Delivery]:
        """Until a job comes; of what is paused nothing is read, or it would be taken."""
        levels = [level for level in LEVELS if level not in self._paused]
        if not levels:
            self._roused = anyio.Event()
            with anyio.move_on_after(BLOCK_MS / 1000):
                await self._roused.wait()
            return []
        one = await self._sleeper.sleep(block_ms=BLOCK_MS, levels=levels)
        self._served += one is not None
        return [one] if one else []

    async def _mend(self, error: BaseException) -> None:
        """Put right what can be: jobs of a lost answer, groups that are gone, a replica."""
        self._orphans.doubt()
        if is_read_only(error):
            self._sleeper.look_again()
        if is_group_lost(error):
            # Where this fails the next fetch fails too, and comes here again.
            with suppress(RedisError, OSError):
                await self._ground.check()
