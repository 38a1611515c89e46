"""Renews the leases of what runs, from a thread and over a connection of its own.

A handler that blocks the event loop does not lose its lease, and is reported. A handler
that holds the interpreter's lock blocks this thread too; such work belongs into a child
process.
"""

import threading
import time
from collections.abc import Callable

from redis import Redis
from redis.exceptions import RedisError

from consumers.health import Health
from consumers.inflight import Inflight
from consumers.logs import Logger
from consumers.metrics import Metrics
from streams.keys import Keys
from streams.renew import Renewal, renew
from streams.server import BlockingServer

#: A loop that has not turned for so long is worth a warning.
BLOCKED_S = 2.0


class Heartbeat:
    """A thread that renews every *renew_s* and tells the event loop what it learns.

    *tell* is called in this thread with each answer; *fence* when no renewal has succeeded
    for *fence_s*, so that the worker stops its handlers before another one starts them.
    """

    def __init__(
        self,
        client: Redis,
        keys: Keys,
        consumer: str,
        info: str,
        inflight: Inflight,
        *,
        renew_s: float,
        fence_s: float,
        tell: Callable[[Renewal], None],
        fence: Callable[[], None],
        health: Health,
        metrics: Metrics,
        log: Logger,
    ) -> None:
        self._server = BlockingServer(client)
        self._client = client
        self._keys = keys
        self._consumer = consumer
        self._info = info
        self._inflight = inflight
        self._renew_s = renew_s
        self._fence_s = fence_s
        self._tell = tell
        self._fence = fence
        self._health = health
        self._metrics = metrics
        self._log = log
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self._renewed_s = time.monotonic()

    def start(self) -> None:
        """Beat once, so that the worker is in the registry, and go on in the thread."""
        self._beat()
        self._thread.start()

    def stop(self) -> None:
        """End the thread; waits for the renewal that is under way, for five seconds at most."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)
        self._client.close()

    def _run(self) -> None:
        while not self._stop.wait(self._renew_s):
            self._warn_if_blocked()
            self._beat()

    def _beat(self) -> None:
        sent_s = time.monotonic()
        try:
            renewal = renew(
                self._server, self._keys, self._consumer, self._info, self._inflight.leases()
            )
        except (RedisError, OSError) as error:
            # The fetcher does not ask while all slots are taken, and would not notice.
            self._health.unready("heartbeat", f"cannot renew: {error}")
            self._metrics.role_failed("heartbeat")
            self._log.warning("renewal_failed", error=str(error))
            # Counted from the moment when the last good renewal was sent, not answered:
            # the server may have restarted the lease as early as that.
            if time.monotonic() - self._renewed_s > self._fence_s:
                self._fence()
            return
        self._renewed_s = sent_s
        self._health.ready("heartbeat")
        if renewal.lost or renewal.cancel:
            self._tell(renewal)

    def _warn_if_blocked(self) -> None:
        stalled_s = self._health.stalled_s
        if stalled_s > BLOCKED_S:
            kinds = sorted({each.delivery.kind for each in self._inflight.snapshot()})
            self._log.warning(
                "event_loop_blocked", seconds=round(stalled_s, 1), running_kinds=", ".join(kinds)
            )
