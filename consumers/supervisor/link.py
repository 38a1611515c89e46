"""A worker's line to its supervisor: two pipes that it was started with.

What the worker tells goes out over one (see `tells`). Over the other comes the time of
each renewal that the supervisor has made for it. The end of either pipe is the end of the
supervisor, however it ended.
"""

import math
import os
import threading
import time
from collections.abc import Callable, MutableMapping

import anyio

from consumers.health import Health
from consumers.inflight import Inflight, Running
from consumers.supervisor.tells import Beat, Bye, Hello, Run, Tell, encode

#: Names the two ends for the worker: `tell,hear` as file descriptors.
VARIABLE = "MILLSTREAM_SUPERVISOR"


class Link:
    """May be used from any thread; never waits for the supervisor."""

    def __init__(self, tell_fd: int, hear_fd: int, *, lease_s: float) -> None:
        self._tell_fd = tell_fd
        self._hear_fd = hear_fd
        self._lease_s = lease_s
        self._lock = threading.Lock()
        self._heard_s = -math.inf
        self._rest = b""
        self._is_alone = False
        for fd in (tell_fd, hear_fd):
            os.set_blocking(fd, False)
            # Programs that handlers start must not hold the pipes open.
            os.set_inheritable(fd, False)

    @property
    def is_alone(self) -> bool:
        """True where the supervisor is known to be gone."""
        return self._is_alone

    def hello(self, consumer: str, info: str) -> None:
        """Say who this is, before the first job."""
        self._tell(lambda: Hello(consumer, info))

    def runs(self, kind: str, until_s: float) -> None:
        """A handler is about to start, and may run until then (`time.monotonic`)."""
        self._tell(lambda: Run(kind, until_s))

    def beat(
        self, inflight: Inflight, health: Health, *, renewed_s: float, metrics_port: int
    ) -> None:
        """The state of the worker.

        Looked at under the lock: a handler that starts meanwhile is either in it or told
        after it.
        """

        def look() -> Beat:
            running = inflight.snapshot()
            now_s = time.monotonic()
            ends = [self._end_of(each, now_s) for each in running]
            return Beat(
                until_s=max(ends, default=0.0),
                kinds=tuple(sorted({each.delivery.kind for each in running})),
                stalled_s=health.stalled_s,
                renewed_s=renewed_s,
                unready=health.why_not_alive or health.why_not_ready,
                metrics_port=metrics_port,
            )

        self._tell(look)

    def _end_of(self, running: Running, now_s: float) -> float:
        """How long silence means no harm to it.

        What has no deadline yet, or waits for its record, is kept for one more lease; what
        is about to begin has not less than `runs` has promised, or a handler that holds the
        interpreter from its first moment on would be taken for one beyond its deadline.
        """
        if running.settling:
            return now_s + self._lease_s
        if math.isfinite(running.renew_until_s):
            return running.renew_until_s
        return max(now_s + self._lease_s, running.promised_until_s)

    def bye(self) -> None:
        """Nothing is in hand any more, and nothing more will be said."""
        self._tell(Bye)

    def renewed_s(self) -> float:
        """When the supervisor has renewed the leases last, on the clock of `boot_s`."""
        with self._lock:
            try:
                while heard := os.read(self._hear_fd, 4_096):
                    *lines, self._rest = (self._rest + heard).split(b"\n")
                    self._heard_s = max([self._heard_s, *map(float, lines)])
                self._is_alone = True
            except BlockingIOError:
                pass
            except (OSError, ValueError):
                self._is_alone = True
        return self._heard_s

    async def wait_until_alone(self) -> None:
        """Wait for the end of the supervisor."""
        while not self._is_alone:
            await anyio.wait_readable(self._hear_fd)
            self.renewed_s()

    def _tell(self, look: Callable[[], Tell]) -> None:
        with self._lock:
            try:
                os.write(self._tell_fd, encode(look()))
            except BlockingIOError:
                # The supervisor does not read; the next beat tells all again.
                pass
            except OSError:
                self._is_alone = True


def take_link(environment: MutableMapping[str, str], *, lease_ms: int) -> Link | None:
    """The link that this process was started with, if a supervisor has started it.

    The variable is taken out of *environment*: it means nothing to programs that handlers
    start.
    """
    ends = environment.pop(VARIABLE, "")
    if not ends:
        return None
    tell_fd, hear_fd = map(int, ends.split(","))
    return Link(tell_fd, hear_fd, lease_s=lease_ms / 1000)
