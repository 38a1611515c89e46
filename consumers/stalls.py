"""How long the event loop stood still, and what ran meanwhile.

The loop says that it turns; the heartbeat's thread asks for the longest pause since it
asked last. A pause that held up that thread too (the interpreter's lock was held, or the
process was frozen) is known when it is over.
"""

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass

#: A loop that has not turned for so long is worth a warning.
BLOCKED_S = 2.0


@dataclass(frozen=True, slots=True)
class Stall:
    """A long pause of the loop, over or not."""

    seconds: float
    cpu_s: float
    """What this process has computed since the loop turned last before it."""
    kinds: tuple[str, ...]
    """What has run at some time since then."""


class Stalls:
    """Told by the event loop, asked by one other thread."""

    def __init__(self) -> None:
        self._turned_s = time.monotonic()
        self._told_s = -math.inf
        self._turned_cpu_s = time.process_time()
        self._longest_s = self._longest_cpu_s = 0.0
        self._started: set[str] = set()
        self._before: set[str] = set()

    def turned(self) -> None:
        """The loop turns."""
        now_s, cpu_s = time.monotonic(), time.process_time()
        pause_s = now_s - self._turned_s
        if self._told_s < self._turned_s and pause_s > self._longest_s:
            self._longest_s, self._longest_cpu_s = pause_s, cpu_s - self._turned_cpu_s
        self._turned_s, self._turned_cpu_s = now_s, cpu_s

    def started(self, kind: str) -> None:
        """A job of *kind* is about to run: it may have ended before anybody asks."""
        self._started.add(kind)

    def longest(self, running: Iterable[str]) -> Stall | None:
        """The longest pause since the last question, if it is worth a warning.

        *running* are the kinds that run now. A pause that goes on is told again and again,
        and not once more when it is over.
        """
        now_s, cpu_s = time.monotonic(), time.process_time()
        seconds, self._longest_s = self._longest_s, 0.0
        computed_s = self._longest_cpu_s
        started, self._started = self._started, set()
        now, before = set(running), self._before
        self._before = now
        standing_s = now_s - self._turned_s
        if standing_s >= max(seconds, BLOCKED_S):
            seconds, computed_s = standing_s, cpu_s - self._turned_cpu_s
            self._told_s = now_s
        if seconds < BLOCKED_S:
            return None
        return Stall(seconds, computed_s, tuple(sorted(before | started | now)))
