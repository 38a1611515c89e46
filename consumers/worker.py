"""A worker: the roles of one consumer, assembled in one task group."""

import asyncio
import os
import time
from contextlib import ExitStack

import anyio
from redis.asyncio import Redis
from redis.exceptions import RedisError

from consumers.execution import Execution, Identity
from consumers.health import TURN_S, Health, serve_health
from consumers.inflight import Inflight
from consumers.logs import Logger, open_logger
from consumers.metrics import Metrics
from consumers.pool import Pool
from consumers.registry import Registry
from consumers.retry import RetryPolicy
from consumers.roles.canceller import Canceller
from consumers.roles.claimer import Claimer
from consumers.roles.fetcher import Fetcher
from consumers.roles.heartbeat import Heartbeat
from consumers.roles.janitor import tidy
from consumers.roles.promoter import promote
from consumers.roles.settler import Settler
from consumers.settings import WorkerSettings
from consumers.shutdown import LastWord, watch_signals, wind_down
from consumers.version import millstream_version
from streams.connection import connected, open_blocking_client, shown_url
from streams.errors import ServerUnavailableError
from streams.groups import ensure_groups
from streams.keys import Keys
from streams.renew import Renewal
from streams.server import Server, require_safe, server_facts
from streams.settle import Retention
from streams.workers import WorkerInfo, hostname, new_consumer_name, retire

#: A server that does not answer keeps a worker from ending for no longer than this.
LEAVE_S = 2.0


class Worker:
    """Runs the jobs of one queue with the handlers of a registry.

    A worker is one consumer of the group. It runs until it gets SIGTERM or SIGINT, or
    until `stop` is called, and then hands back what it has not finished.
    """

    def __init__(
        self, registry: Registry, settings: WorkerSettings, *, policy: RetryPolicy | None = None
    ) -> None:
        self._settings = settings
        self._registry = registry
        self._policy = policy or RetryPolicy()
        self._keys = Keys(settings.queue)
        self._identity = Identity(
            new_consumer_name(settings.name), hostname(), millstream_version()
        )
        self._retention = Retention(settings.lease_ms, settings.ended_ttl_ms, settings.dead_ttl_ms)
        self._inflight = Inflight(settings.concurrency)
        self._health = Health()
        self._metrics = Metrics(settings.queue, frozenset(registry), settings.concurrency)
        self._log: Logger = open_logger(
            settings.log_level, queue=settings.queue, worker=settings.name
        )
        self._stopping = anyio.Event()
        self._hurry = anyio.Event()

    @property
    def consumer(self) -> str:
        """The name of this consumer in XINFO; never used before or again."""
        return self._identity.consumer

    def stop(self) -> None:
        """Shut down as at the first SIGTERM."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until told to stop.

        Raises:
            ServerUnavailableError: no Redis at the URL at the start, or one that does not
                let the queue be set up. Later the worker waits for it to come back.
            UnsafeServerError: the server would lose jobs.
            HealthPortError: the port for health and metrics is taken.
        """
        url = self._settings.redis_url.get_secret_value()
        async with connected(url) as client, connected(url) as reader:
            await self._prepare(client, url)
            with ExitStack() as stack:
                self._serve_health(stack)
                await self._work(Server(client), reader)

    async def _prepare(self, client: Redis, url: str) -> None:
        try:
            facts = await server_facts(client)
            require_safe(facts)
            await ensure_groups(client, self._keys)
        except RedisError as error:
            raise ServerUnavailableError(
                f"the Redis at {shown_url(url)} refuses to set up the queue "
                f"'{self._keys.queue}' ({error}): look at its memory, at the rights of its "
                "user, and whether something else uses the names of this queue"
            ) from error
        if not facts.aof_enabled:
            self._log.warning(
                "redis_without_aof",
                hint="accepted jobs are lost when this server stops: set appendonly yes",
            )

    async def _work(self, server: Server, reader: Redis) -> None:
        settler = Settler(
            server,
            self._keys,
            self.consumer,
            self._retention,
            self._inflight,
            self._metrics,
            self._log,
        )
        heartbeat = self._heartbeat()
        await anyio.to_thread.run_sync(heartbeat.start)
        try:
            async with anyio.create_task_group() as background:
                background.start_soon(watch_signals, self._stopping, self._hurry, self._log)
                background.start_soon(self._turn)
                background.start_soon(settler.run)
                with LastWord(self._settings.grace_ms / 1000, self._log) as last_word:
                    async with anyio.create_task_group() as jobs:
                        pool = Pool(
                            jobs,
                            self._execution(),
                            self._inflight,
                            settler,
                            self._metrics,
                            self._log,
                        )
                        background.start_soon(self._close_when_stopping, last_word)
                        await self._take_jobs(server, reader, pool)
                        await self._wind_down()
                background.cancel_scope.cancel()
        finally:
            await anyio.to_thread.run_sync(heartbeat.stop)
        await self._leave(server)
        self._log.info("worker_shutdown_complete", consumer=self.consumer)

    async def _take_jobs(self, server: Server, reader: Redis, pool: Pool) -> None:
        """Fetch, claim and promote until it is time to stop."""
        settings, log = self._settings, self._log
        fetcher = Fetcher(
            server,
            reader,
            self._keys,
            self.consumer,
            self._inflight,
            self._health,
            self._metrics,
            log,
        )
        claimer = Claimer(
            server, self._keys, self.consumer, self._retention, self._inflight, self._metrics, log
        )
        log.info(
            "worker_started",
            consumer=self.consumer,
            concurrency=settings.concurrency,
            kinds=list(self._registry),
            version=self._identity.version,
        )
        async with anyio.create_task_group() as taking:
            taking.start_soon(fetcher.run, pool, self._stopping)
            taking.start_soon(claimer.run, pool, self._stopping)
            taking.start_soon(
                promote, server, self._keys, self._retention, self._stopping, self._metrics, log
            )
            taking.start_soon(
                tidy, server, self._keys, settings.lease_ms, self._stopping, self._metrics, log
            )

    async def _close_when_stopping(self, last_word: LastWord) -> None:
        await self._stopping.wait()
        # Now, and not when the roles have ended: the server may have stopped answering them.
        last_word.start()
        self._inflight.close()

    async def _wind_down(self) -> None:
        self._health.unready("worker", "shutting down")
        await wind_down(self._inflight, self._hurry, self._settings.grace_ms / 1000, self._log)

    async def _leave(self, server: Server) -> None:
        """Remove this consumer; the janitor of another worker does so where this fails."""
        try:
            with anyio.fail_after(LEAVE_S):
                await retire(server, self._keys, [self.consumer])
        except (RedisError, OSError) as error:
            self._log.warning("leave_failed", error=str(error))

    def _execution(self) -> Execution:
        return Execution(self._registry, self._identity, self._settings.queue, self._policy)

    def _heartbeat(self) -> Heartbeat:
        """The heartbeat lives in a thread; what it learns is handed to the event loop."""
        canceller = Canceller(self._inflight, self._log)
        loop = asyncio.get_running_loop()

        def tell(renewal: Renewal) -> None:
            loop.call_soon_threadsafe(canceller.learned, renewal)

        def fence() -> None:
            loop.call_soon_threadsafe(canceller.fence)

        settings = self._settings
        info = WorkerInfo(
            consumer=self.consumer,
            name=settings.name,
            host=self._identity.host,
            pid=os.getpid(),
            version=self._identity.version,
            concurrency=settings.concurrency,
            started_ms=time.time_ns() // 1_000_000,
        )
        return Heartbeat(
            open_blocking_client(settings.redis_url.get_secret_value()),
            self._keys,
            self.consumer,
            info.to_json(),
            self._inflight,
            renew_s=settings.renew_ms / 1000,
            fence_s=settings.self_fence_ms / 1000,
            tell=tell,
            fence=fence,
            health=self._health,
            metrics=self._metrics,
            log=self._log,
        )

    def _serve_health(self, stack: ExitStack) -> None:
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
            self._log.info("metrics_served", host=settings.metrics_host, port=port)

    async def _turn(self) -> None:
        """Say again and again that the event loop turns."""
        while True:
            self._health.turned()
            await anyio.sleep(TURN_S)
