"""What the queue is doing right now, for a page that asks every second."""

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import anyio

from streams.inspection import QueueReport

Inspect = Callable[[], Awaitable[QueueReport]]

#: Looks younger than this are handed out again: a hundred open pages cost what one costs.
LOOK_MS = 400
#: The span over which the rate is taken.
RATE_MS = 5_000


@dataclass(frozen=True, slots=True)
class LiveNumbers:
    """One look at the queue; `per_second` counts completed jobs over the last seconds."""

    now_ms: int
    waiting: int
    running: int
    delayed: int
    dead: int
    completed: int
    workers: int
    per_second: float


class Live:
    """Looks at one queue on demand and remembers what it needs for the rate."""

    def __init__(self, inspect: Inspect, *, now_ms: Callable[[], int]) -> None:
        self._inspect = inspect
        self._now_ms = now_ms
        self._lock = anyio.Lock()
        self._seen: deque[tuple[int, int]] = deque()
        self._last: tuple[int, LiveNumbers] | None = None

    async def numbers(self) -> LiveNumbers:
        """The numbers now, or those of a moment ago."""
        async with self._lock:
            asked_ms = self._now_ms()
            if self._last is None or asked_ms - self._last[0] >= LOOK_MS:
                self._last = asked_ms, self._of(await self._inspect())
            return self._last[1]

    def _of(self, report: QueueReport) -> LiveNumbers:
        completed = report.counters.get("completed", 0)
        self._seen.append((report.now_ms, completed))
        # The oldest look inside the span stays; with none inside, the last one before it.
        while len(self._seen) > 2 and self._seen[0][0] < report.now_ms - RATE_MS:  # noqa: PLR2004 - a rate needs two
            self._seen.popleft()
        first_ms, first = self._seen[0]
        span_s = (report.now_ms - first_ms) / 1000
        return LiveNumbers(
            now_ms=report.now_ms,
            waiting=report.undelivered,
            running=report.running,
            delayed=report.delayed,
            dead=report.dead,
            completed=completed,
            workers=len(report.consumers),
            per_second=round((completed - first) / span_s, 1) if span_s > 0 else 0.0,
        )
