"""A worker: the roles of one consumer, assembled in one task group."""

import os
import signal
from contextlib import AbstractAsyncContextManager, AsyncExitStack

import anyio
from redis.asyncio import Redis

from consumers.brakes import Brakes
from consumers.children.source import Source
from consumers.dues import Dues
from consumers.errors import WorkerBrokenError
from consumers.execution import Execution, Identity
from consumers.failpoints import arm
from consumers.ground import Ground
from consumers.health import Health, serve_health
from consumers.inflight import Inflight
from consumers.lastwill import LastWill
from consumers.logs import Logger, open_logger
from consumers.loop import spare_the_collector
from consumers.metrics import Metrics
from consumers.orphans import Orphans
from consumers.places import Places, open_places, require_child_source
from consumers.pool import Pool
from consumers.presence import leave, prepare
from consumers.registry import Registry
from consumers.retry import RetryPolicy
from consumers.roles.claimer import Claimer
from consumers.roles.comparer import compare
from consumers.roles.fetcher import READ_TIMEOUT_S, Fetcher
from consumers.roles.janitor import tidy
from consumers.roles.listener import listen
from consumers.roles.promoter import promote
from consumers.roles.reporter import Reporter
from consumers.roles.settler import Settler
from consumers.settings import WorkerSettings
from consumers.shutdown import Shutdown, wind_down
from consumers.supervisor.link import Link
from consumers.version import millstream_version
from consumers.vitals import Vitals
from streams.clock import ServerClock
from streams.connection import LOADING_MAX_S, connected
from streams.keys import Keys
from streams.lane import Lane
from streams.server import Server
from streams.settle import Retention
from streams.workers import hostname, new_consumer_name


class Worker:
    """Runs the jobs of one queue with the handlers of a registry.

    A worker is one consumer of the group. It runs until it gets SIGTERM or SIGINT, or
    until `stop` is called, and then hands back what it has not finished.

    *link* is its line to the supervisor that has started this process, if one has. Run it
    in a `consumers.loop.WakingLoop`: in another loop a worker that was frozen for longer
    than its lease stops its handlers a moment later.

    *children* says where a child process has its handlers from. Without it a job that has
    cost two workers their life runs in this process, while nothing else does. One of
    several workers in a process does not heed signals itself: see `run_together`.
    """

    def __init__(
        self,
        registry: Registry,
        settings: WorkerSettings,
        *,
        policy: RetryPolicy | None = None,
        metrics: Metrics | None = None,
        link: Link | None = None,
        children: Source | None = None,
        heeds_signals: bool = True,
    ) -> None:
        require_child_source(registry, children)
        self._settings = settings
        self._registry = registry
        self._policy = policy or RetryPolicy()
        self._keys = Keys(settings.queue)
        self._identity = Identity(
            new_consumer_name(settings.name), hostname(), millstream_version()
        )
        self._retention = Retention(settings.lease_ms, settings.ended_ttl_ms, settings.dead_ttl_ms)
        self._children = children
        self._heeds_signals = heeds_signals
        self._inflight = Inflight(settings.concurrency, solo_apart=children is not None)
        self._dues = Dues()
        self._clock = ServerClock()
        self._health = Health()
        self._metrics = metrics or Metrics(
            settings.queue, frozenset(registry), settings.concurrency
        )
        self._log: Logger = open_logger(
            settings.log_level, queue=settings.queue, worker=settings.name
        )
        self._brakes = Brakes(
            settings.brakes, self._inflight, self._health, self._metrics, self._log
        )
        last_will = LastWill(
            settings.redis_url.get_secret_value(),
            self._keys,
            self._identity,
            self._retention,
            self._inflight,
            self._log,
        )
        self._shutdown = Shutdown(settings.grace_ms / 1000, last_will, self._log)
        self._vitals = Vitals(
            settings,
            registry,
            self._inflight,
            self._health,
            self._metrics,
            self._shutdown,
            link,
            self._log,
        )

    @property
    def consumer(self) -> str:
        """The name of this consumer in XINFO; never used before or again."""
        return self._identity.consumer

    def stop(self) -> None:
        """Shut down as at the first SIGTERM; the second call hurries."""
        self._shutdown.wish()

    def signalled(self, number: signal.Signals) -> None:
        """A signal has come that somebody else has seen; called from any thread."""
        self._shutdown.signalled(number)

    async def run(self) -> None:
        """Work until told to stop.

        Raises:
            ServerUnavailableError: no Redis at the URL at the start, or one that does not
                let the queue be set up. Later the worker waits for it to come back.
            UnsafeServerError: the server would lose jobs.
            HealthPortError: the port for health and metrics is taken.
            WorkerBrokenError: a part without which no job is safe has failed; what was in
                hand has been handed back.
        """
        arm(self._settings.fail, self._log)
        url = self._settings.redis_url.get_secret_value()
        with self._shutdown.heeded(by_signals=self._heeds_signals):
            async with AsyncExitStack() as stack:
                with self._shutdown.given_up_at_once():
                    client = await stack.enter_async_context(
                        connected(url, loading_s=LOADING_MAX_S)
                    )
                    reading = await stack.enter_async_context(
                        connected(url, reply_timeout_s=READ_TIMEOUT_S)
                    )
                    reader = await stack.enter_async_context(
                        Lane.open(reading, reply_timeout_s=READ_TIMEOUT_S)
                    )
                    ground = self._ground(client)
                    await prepare(client, self._settings, ground, self._log)
                    self._serve_health(stack)
                if not self._shutdown.stopping.is_set():
                    server = await stack.enter_async_context(Server.on_a_lane(client))
                    await self._work(server, reader, ground)
        if self._shutdown.is_broken:
            raise WorkerBrokenError

    async def _work(self, server: Server, reader: Lane, ground: Ground) -> None:
        orphans = Orphans(
            server,
            self._keys,
            self.consumer,
            self._retention,
            self._inflight,
            self._metrics,
            self._log,
        )
        settler = Settler(
            server,
            self._keys,
            self.consumer,
            self._retention,
            self._inflight,
            orphans,
            self._dues,
            self._metrics,
            self._log,
        )
        identity = self._identity
        info = self._vitals.info(self.consumer, identity.host, os.getpid(), identity.version)
        heartbeat = self._vitals.heartbeat(self._keys, info)
        await anyio.to_thread.run_sync(heartbeat.start)
        try:
            async with anyio.create_task_group() as background:
                background.start_soon(self._vitals.turn)
                background.start_soon(self._vitals.end_when_alone)
                background.start_soon(settler.run)
                async with self._places(server) as places:
                    pool = Pool(
                        self._execution(places),
                        places,
                        self._inflight,
                        settler,
                        self._metrics,
                        self._brakes,
                        self._vitals.starting,
                        self._shutdown.broken,
                        self._log,
                    )
                    async with pool.closing():
                        background.start_soon(self._close_when_stopping)
                        await self._take_jobs(server, reader, pool, orphans, ground)
                        await self._wind_down()
                self._shutdown.has_ended_well()
                self._vitals.ending()
                background.cancel_scope.cancel()
        finally:
            await anyio.to_thread.run_sync(heartbeat.stop)
        await leave(server, self._keys, self.consumer, orphans, self._log)
        self._log.info("worker_shutdown_complete", consumer=self.consumer)

    async def _take_jobs(
        self, server: Server, reader: Lane, pool: Pool, orphans: Orphans, ground: Ground
    ) -> None:
        """Fetch, claim and promote until it is time to stop."""
        settings, log = self._settings, self._log
        keys, metrics = self._keys, self._metrics
        fetcher = Fetcher(
            server,
            reader,
            keys,
            self.consumer,
            self._inflight,
            orphans,
            ground,
            self._dues,
            self._clock,
            self._health,
            metrics,
            log,
        )
        claimer = Claimer(
            server, keys, self.consumer, self._retention, self._inflight, orphans, metrics, log
        )
        log.info(
            "worker_started",
            consumer=self.consumer,
            concurrency=settings.concurrency,
            kinds=list(self._registry),
            version=self._identity.version,
        )
        stopping, lease_ms = self._shutdown.stopping, settings.lease_ms
        spare_the_collector()
        async with anyio.create_task_group() as taking:
            taking.start_soon(fetcher.run, pool, stopping)
            taking.start_soon(claimer.run, pool, stopping)
            taking.start_soon(self._brakes.run, stopping)
            taking.start_soon(
                promote, server, keys, self._retention, self._dues, stopping, metrics, log
            )
            taking.start_soon(
                listen, server, keys, self._dues, fetcher.wake, stopping, metrics, log
            )
            taking.start_soon(compare, orphans, ground, lease_ms, stopping, metrics, log)
            taking.start_soon(tidy, server, keys, lease_ms, stopping, metrics, log)

    async def _close_when_stopping(self) -> None:
        await self._shutdown.stopping.wait()
        # Now, and not when the roles have ended: the server may have stopped answering them.
        self._inflight.close()

    async def _wind_down(self) -> None:
        self._health.unready("worker", "shutting down")
        await wind_down(
            self._inflight, self._shutdown.hurry, self._settings.grace_ms / 1000, self._log
        )

    def _ground(self, client: Redis) -> Ground:
        red_s = self._settings.lease_ms / 1000
        return Ground(client, self._keys, self._health, self._metrics, self._log, red_s)

    def _places(self, server: Server) -> AbstractAsyncContextManager[Places]:
        return open_places(
            Reporter(server, self._keys, self._metrics, self._log),
            self._settings,
            self._registry,
            self._inflight,
            self._children,
            self._shutdown.broken,
            self._log,
        )

    def _execution(self, places: Places) -> Execution:
        who, queue = self._identity, self._keys.queue
        return Execution(self._registry, who, queue, self._policy, places, clock=self._clock)

    def _serve_health(self, stack: AsyncExitStack) -> None:
        settings = self._settings
        if settings.metrics_port is not None:
            port = stack.enter_context(
                serve_health(
                    self._health,
                    self._metrics.registry,
                    settings.metrics_host,
                    settings.metrics_port,
                )
            )
            self._vitals.metrics_port = port
            self._log.info("metrics_served", host=settings.metrics_host, port=port)
