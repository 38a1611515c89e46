"""Renews the leases of what runs, from a thread and over a connection of its own.

A handler that blocks the event loop does not lose its lease, and is reported. A handler
that holds the interpreter's lock blocks this thread too: it is reported afterwards, and
keeps its lease only where a supervisor renews it meanwhile. Such work belongs into a
child process.
"""

import math
import threading
from collections.abc import Callable

from redis import Redis
from redis.exceptions import RedisError

from consumers.failpoints import failpoint
from consumers.health import Health
from consumers.inflight import Inflight
from consumers.leases import LeaseWatch, boot_s
from consumers.logs import Logger
from consumers.metrics import Metrics
from consumers.stalls import Stalls
from streams.keys import Keys
from streams.renew import Renewal, renew
from streams.server import BlockingServer
from streams.workers import with_trouble

#: Between two looks at whether the event loop turns.
LOOK_S = 0.5
#: Of a pause of everything, so much at least was computed where a handler held the
#: interpreter's lock, on a busy machine too; less where the process was frozen.
COMPUTED_SHARE = 0.1


class Heartbeat:
    """A thread that renews every *renew_s* and tells the event loop what it learns.

    In this thread are called: *tell* with each answer that somebody must act on; *fence*
    when no renewal has succeeded for too long, so that the worker stops its handlers
    before another one starts them; *beaten* after each round; *died* when the thread ends
    by an error of its own, after which nothing is renewed any more.
    """

    def __init__(
        self,
        client: Redis,
        keys: Keys,
        consumer: str,
        info: str,
        inflight: Inflight,
        watch: LeaseWatch,
        stalls: Stalls,
        *,
        renew_s: float,
        tell: Callable[[Renewal], None],
        fence: Callable[[], None],
        beaten: Callable[[], None],
        died: Callable[[], None],
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
        self._watch = watch
        self._stalls = stalls
        self._renew_s = renew_s
        self._tell = tell
        self._fence = fence
        self._beaten = beaten
        self._died = died
        self._health = health
        self._metrics = metrics
        self._log = log
        self._warned_s = -math.inf
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

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
        try:
            looked_s, due_s = boot_s(), boot_s() + self._renew_s
            step_s = min(self._renew_s, LOOK_S)
            while not self._stop.wait(step_s):
                self._warn_of_stalls(late_s=boot_s() - looked_s - step_s)
                looked_s = boot_s()
                if looked_s >= due_s:
                    self._beat()
                    # What holds everything up may do so in the middle of a renewal.
                    self._warn_of_stalls(late_s=boot_s() - looked_s)
                    looked_s, due_s = boot_s(), looked_s + self._renew_s
        except BaseException as error:  # noqa: BLE001 - no way out of this thread may be silent
            self._health.unready("heartbeat", f"the heartbeat has died: {error!r}")
            self._metrics.role_failed("heartbeat")
            self._log.critical("heartbeat_died", error=repr(error), exc_info=error)
            self._died()

    def _beat(self) -> None:
        failpoint("before_renew")
        sent_s = boot_s()
        held = self._inflight.leases()
        try:
            info = with_trouble(self._info, self._health.trouble)
            renewal = renew(self._server, self._keys, self._consumer, info, held)
        except (RedisError, OSError) as error:
            # The fetcher does not ask while all slots are taken, and would not notice.
            self._health.unready("heartbeat", f"cannot renew: {error}")
            self._metrics.role_failed("heartbeat")
            self._log.warning("renewal_failed", error=str(error))
            if self._watch.is_silent():
                self._fence()
        else:
            failpoint("after_renew")
            # Told first: a loop that wakes between the two ends what was lost before it
            # believes in the rest, and before any handler goes on.
            if renewal.lost or renewal.cancel:
                self._tell(renewal)
            self._watch.renewed(sent_s)
            self._metrics.renewed(held, renewal, sent_s)
            self._health.ready("heartbeat")
        self._beaten()

    def _warn_of_stalls(self, late_s: float) -> None:
        """*late_s*: how long this thread was held up too."""
        stall = self._stalls.longest(each.delivery.kind for each in self._inflight.snapshot())
        now_s = boot_s()
        if stall is None or now_s - self._warned_s < self._renew_s:
            return
        self._warned_s = now_s
        seconds, kinds = round(stall.seconds, 1), ", ".join(stall.kinds)
        if late_s < stall.seconds / 2:
            self._log.warning("event_loop_blocked", seconds=seconds, running_kinds=kinds)
        elif stall.cpu_s > stall.seconds * COMPUTED_SHARE:
            self._log.warning(
                "interpreter_held",
                seconds=seconds,
                running_kinds=kinds,
                hint="a handler let nothing else run, not even renewals: such work belongs "
                "into a child process",
            )
        else:
            self._log.warning(
                "worker_stood_still",
                seconds=seconds,
                running_kinds=kinds,
                hint="the process was frozen, or a handler waited without letting go of the "
                "interpreter's lock",
            )
