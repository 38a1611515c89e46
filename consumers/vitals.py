"""What keeps a worker trustworthy: its leases, its loop, and its line to a supervisor."""

import asyncio
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress

import anyio

from consumers.execution import timeout_s
from consumers.health import TURN_S, Health
from consumers.inflight import Inflight, Running
from consumers.leases import LeaseWatch
from consumers.logs import Logger
from consumers.loop import WakingLoop
from consumers.metrics import Metrics
from consumers.registry import DEFAULT_TIMEOUT, Registry
from consumers.roles.canceller import Canceller
from consumers.roles.heartbeat import Heartbeat
from consumers.settings import WorkerSettings
from consumers.shutdown import Shutdown
from consumers.stalls import Stalls
from consumers.supervisor.link import Link
from streams.connection import open_blocking_client
from streams.keys import Keys
from streams.renew import Renewal
from streams.workers import KINDS_SHOWN_MAX, WorkerInfo

#: A renewal is given up after the time between two, and not before this: a server on a busy
#: machine answers late, and a shorter lease than five of it is for tests.
RENEWAL_TIMEOUT_MIN_S = 1.0


class Vitals:
    """Watches over what a worker has in hand, for as long as it runs."""

    def __init__(
        self,
        settings: WorkerSettings,
        registry: Registry,
        inflight: Inflight,
        health: Health,
        metrics: Metrics,
        shutdown: Shutdown,
        link: Link | None,
        log: Logger,
    ) -> None:
        self._settings = settings
        self._registry = registry
        self._inflight = inflight
        self._health = health
        self._metrics = metrics
        self._shutdown = shutdown
        self._link = link
        self._log = log
        fence_s = settings.self_fence_ms / 1000
        self._watch = LeaseWatch(fence_s, link.renewed_s) if link else LeaseWatch(fence_s)
        self._canceller = Canceller(inflight, self._watch, log)
        self._stalls = Stalls()
        #: Where the metrics are served; 0 where they are not.
        self.metrics_port = 0

    def heartbeat(self, keys: Keys, info: WorkerInfo) -> Heartbeat:
        """The heartbeat lives in a thread; what it learns is handed to the event loop."""
        loop = asyncio.get_running_loop()

        def in_loop(call: Callable[..., None], *arguments: Renewal) -> None:
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(call, *arguments)

        if self._link is not None:
            self._link.hello(info.consumer, info.to_json())
        settings = self._settings
        return Heartbeat(
            open_blocking_client(
                settings.redis_url.get_secret_value(),
                # One that hangs must leave time for others before the leases are over.
                reply_timeout_s=max(settings.renew_ms / 1000, RENEWAL_TIMEOUT_MIN_S),
            ),
            keys,
            info.consumer,
            info.to_json(),
            self._inflight,
            self._watch,
            self._stalls,
            renew_s=settings.renew_ms / 1000,
            tell=lambda renewal: in_loop(self._canceller.learned, renewal),
            fence=lambda: in_loop(self._canceller.fence),
            beaten=self._beat,
            died=self._shutdown.broken,
            health=self._health,
            metrics=self._metrics,
            log=self._log,
        )

    def info(self, consumer: str, host: str, pid: int, version: str) -> WorkerInfo:
        """How this worker describes itself in the registry of consumers."""
        return WorkerInfo(
            consumer=consumer,
            name=self._settings.name,
            host=host,
            pid=pid,
            version=version,
            concurrency=self._settings.concurrency,
            started_ms=time.time_ns() // 1_000_000,
            lease_ms=self._settings.lease_ms,
            kinds=tuple(self._registry)[:KINDS_SHOWN_MAX],
        )

    def starting(self, running: Running) -> None:
        """A delivery is about to run: who watches must know before its handler can block."""
        delivery = running.delivery
        self._stalls.started(delivery.kind)
        if self._link is not None:
            binding = self._registry.find(delivery.kind)
            limit_s = timeout_s(delivery, binding) if binding else DEFAULT_TIMEOUT.total_seconds()
            running.promised_until_s = time.monotonic() + limit_s
            self._link.runs(delivery.kind, running.promised_until_s)

    def ending(self) -> None:
        """Nothing is in hand any more: silence means nothing from now on."""
        if self._link is not None:
            self._link.bye()

    async def turn(self) -> None:
        """Say again and again that the event loop turns, and look around when it wakes."""
        loop = asyncio.get_running_loop()
        look = self._canceller.look
        with loop.on_wake(look) if isinstance(loop, WakingLoop) else nullcontext():
            while True:
                self._health.turned()
                self._stalls.turned()
                # For a loop that does not look around by itself; late, but not never.
                look()
                self._beat()
                await anyio.sleep(TURN_S)

    async def end_when_alone(self) -> None:
        """End the worker as at the first SIGTERM when its supervisor is gone."""
        if self._link is not None:
            await self._link.wait_until_alone()
            self._alone()

    def _beat(self) -> None:
        """Called by the loop and by the heartbeat: who is silent in both is not running."""
        if self._link is not None:
            self._link.beat(
                self._inflight,
                self._health,
                renewed_s=self._watch.renewed_s,
                metrics_port=self.metrics_port,
            )
            if self._link.is_alone:
                self._alone()

    def _alone(self) -> None:
        if self._shutdown.wish_once():
            self._log.warning(
                "supervisor_gone", hint="the worker ends, as at SIGTERM: start a new supervisor"
            )
