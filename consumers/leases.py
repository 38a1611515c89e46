"""Whether this worker may still believe in its leases.

A process that was frozen does not know it. Its first question when it wakes is how old its
last renewal is, on a clock that goes on while the machine sleeps; only then may its
handlers go on.
"""

import math
import time
from collections.abc import Callable

#: Goes on during a suspend where the system has such a clock (Linux).
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def boot_s() -> float:
    """Seconds since the machine was started, those included in which it slept."""
    return time.clock_gettime(_CLOCK)


def _never() -> float:
    return -math.inf


class LeaseWatch:
    """When the leases were renewed last, counted from the sending of the renewal.

    Not from the answer: the server may have restarted the lease as early as that.
    *elsewhere* says when somebody else has renewed them for this process, a supervisor;
    it is asked only when the own renewals are missing. May be used from any thread.
    """

    def __init__(self, fence_s: float, elsewhere: Callable[[], float] = _never) -> None:
        self._fence_s = fence_s
        self._elsewhere = elsewhere
        self._renewed_s = boot_s()

    def renewed(self, sent_s: float) -> None:
        """A renewal that was sent at *sent_s* has been answered."""
        self._renewed_s = max(self._renewed_s, sent_s)

    @property
    def renewed_s(self) -> float:
        """When the last renewal was sent, on the clock of `boot_s`."""
        return self._renewed_s

    @property
    def silent_s(self) -> float:
        """Since the last renewal."""
        return boot_s() - self._renewed_s

    def is_silent(self) -> bool:
        """True where no renewal has succeeded for so long that leases may be about to lapse."""
        if self.silent_s <= self._fence_s:
            return False
        self.renewed(self._elsewhere())
        return self.silent_s > self._fence_s

    def may_have_lapsed(self, taken_s: float) -> bool:
        """True for a delivery that was taken at *taken_s* and whose lease cannot be trusted."""
        return boot_s() - max(self._renewed_s, taken_s) > self._fence_s
