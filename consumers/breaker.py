"""When to stop taking jobs because they all fail: a pure state machine, given the clock.

    closed ──ratio of failures──► open ──cool-down──► half open ──successes──► closed
                                   ▲                      │
                                   └──────a failure───────┘

While it is open nothing is taken, so nothing is charged: the jobs wait in their streams,
and other workers, for whom they may succeed, have them. Only failures that a retry may
cure count. A permanent error is the job's own, and says nothing of the others.
"""

from collections import deque
from dataclasses import dataclass
from enum import StrEnum

#: The window is kept in so many parts; it ends a part at a time.
PARTS = 10


class Circuit(StrEnum):
    """The state of a breaker."""

    CLOSED = "closed"
    """Jobs are taken as they come."""
    OPEN = "open"
    """None is taken until the cool-down is over."""
    HALF_OPEN = "half open"
    """One is taken to see whether it succeeds."""


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """Opens when of `runs_min` or more runs in the window the share `ratio` has failed.

    The cool-down doubles with each probe that fails, up to `cool_down_max_s`. So many
    probes as `probes` must succeed one after the other.

    Raises:
        ValueError: a number that makes no sense.
    """

    ratio: float = 0.8
    runs_min: int = 50
    window_s: float = 30.0
    cool_down_s: float = 5.0
    cool_down_max_s: float = 60.0
    probes: int = 3

    def __post_init__(self) -> None:
        if not (0 < self.ratio <= 1 and self.runs_min >= 1 and self.probes >= 1):
            raise ValueError(f"a ratio is above 0 and up to 1, runs and probes 1 or more: {self}")
        if not (self.window_s > 0 and 0 < self.cool_down_s <= self.cool_down_max_s):
            raise ValueError(f"window and cool-down are positive, the latter up to its end: {self}")


@dataclass(slots=True)
class _Part:
    """What ended in one part of the window."""

    start_s: float
    runs: int = 0
    failures: int = 0


class Breaker:
    """Counts how runs end and says whether more may begin."""

    def __init__(self, rules: BreakerRules) -> None:
        self._rules = rules
        self._parts: deque[_Part] = deque()
        self._state = Circuit.CLOSED
        self._reopens_s = 0.0
        self._cool_down_s = rules.cool_down_s
        self._succeeded = 0

    @property
    def state(self) -> Circuit:
        """As of the last call."""
        return self._state

    @property
    def cool_down_s(self) -> float:
        """How long it is open this time, or would be."""
        return self._cool_down_s

    def counted(self, now_s: float) -> tuple[int, int]:
        """Runs and failures in the window."""
        self._forget(now_s)
        runs = sum(part.runs for part in self._parts)
        return runs, sum(part.failures for part in self._parts)

    def look(self, now_s: float) -> Circuit:
        """The state at *now_s*: a cool-down may be over."""
        if self._state is Circuit.OPEN and now_s >= self._reopens_s:
            self._state = Circuit.HALF_OPEN
            self._succeeded = 0
        return self._state

    def wait_s(self, now_s: float) -> float:
        """How long the cool-down still lasts; 0 where there is none."""
        return max(0.0, self._reopens_s - now_s) if self._state is Circuit.OPEN else 0.0

    def ended(self, now_s: float, *, failed: bool, probe: bool) -> Circuit:
        """A run has ended; *probe* where it was begun while the circuit was half open.

        What was begun before the circuit opened says nothing new when it ends after that.
        """
        state = self.look(now_s)
        if state is Circuit.CLOSED:
            self._count(now_s, failed=failed)
        elif state is Circuit.HALF_OPEN and probe:
            self._probed(now_s, failed=failed)
        return self._state

    def _count(self, now_s: float, *, failed: bool) -> None:
        width_s = self._rules.window_s / PARTS
        if not self._parts or now_s >= self._parts[-1].start_s + width_s:
            self._forget(now_s)
            self._parts.append(_Part(now_s))
        self._parts[-1].runs += 1
        self._parts[-1].failures += failed
        # Old successes that leave the window raise the share, but only a failure opens it.
        if failed:
            runs, failures = self.counted(now_s)
            if runs >= self._rules.runs_min and failures >= self._rules.ratio * runs:
                self._open(now_s, self._rules.cool_down_s)

    def _probed(self, now_s: float, *, failed: bool) -> None:
        if failed:
            self._open(now_s, min(self._cool_down_s * 2, self._rules.cool_down_max_s))
            return
        self._succeeded += 1
        if self._succeeded >= self._rules.probes:
            self._state = Circuit.CLOSED
            self._cool_down_s = self._rules.cool_down_s
            self._parts.clear()

    def _open(self, now_s: float, cool_down_s: float) -> None:
        self._state = Circuit.OPEN
        self._cool_down_s = cool_down_s
        self._reopens_s = now_s + cool_down_s

    def _forget(self, now_s: float) -> None:
        while self._parts and self._parts[0].start_s <= now_s - self._rules.window_s:
            self._parts.popleft()
