"""Doing many things at an even rate: pure, the clock is passed in."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """So many a second, evenly: no burst at the start and none after a pause."""

    per_s: float

    def wait_s(self, last_s: float | None, now_s: float) -> float:
        """How long to wait at *now_s* before the next one; *last_s* is when the last began."""
        if last_s is None:
            return 0.0
        return max(0.0, last_s + 1 / self.per_s - now_s)

    def left_s(self, left: int) -> float:
        """How long *left* more will take at least."""
        return left / self.per_s
