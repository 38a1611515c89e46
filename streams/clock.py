"""The server's clock, as a consumer knows it, and a guard against its jumps.

Leases are measured by the server's clock. When it is put forward, every pending entry looks
as if its consumer had been silent for as long; when it is put back, no lease lapses until it
has caught up. Who claims compares it with a clock of its own that never jumps.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

#: A lease has so many parts; a difference of more than one of them is a jump. Consumers renew
#: five times a lease, so a smaller one makes nobody look lost.
PARTS = 3
#: A guard that has just begun cannot know of a jump before: it waits for so long a part of a
#: lease, in which every consumer that lives renews.
FIRST_PART = 4


@dataclass(frozen=True, slots=True)
class Sighting:
    """The server's clock, as an answer told it, and the own one around the call."""

    server_ms: int
    sent_s: float
    received_s: float


class Clock(Enum):
    """What a sighting says about the server's clock."""

    STEADY = "steady"
    """It goes like the own one."""
    FORWARD = "forward"
    """It was put forward: leases look lapsed that are not."""
    BACK = "back"
    """It was put back: leases that have lapsed do not look so."""


class ClockGuard:
    """Says whether a lease that looks lapsed may be taken for lapsed.

    The offset between the two clocks is known to lie within the time of a call. A jump is
    where it cannot be less than a third of a lease from where it was; slower changes
    (clocks that are slewed) are followed. After a jump nothing is claimed for one lease,
    in which every consumer that lives renews and so repairs its own rows.
    """

    def __init__(self, lease_ms: int) -> None:
        self._lease_ms = lease_ms
        self._offset_ms: float | None = None
        self._claims_from_s = 0.0

    def look(self, seen: Sighting) -> Clock:
        """Learn from an answer of the server, before anything is claimed on its word."""
        lowest_ms = seen.server_ms - seen.received_s * 1000
        highest_ms = seen.server_ms - seen.sent_s * 1000
        if self._offset_ms is None:
            self._offset_ms = lowest_ms
            self._claims_from_s = seen.received_s + self._lease_ms / FIRST_PART / 1000
            return Clock.STEADY
        known_ms = self._offset_ms
        self._offset_ms = min(max(known_ms, lowest_ms), highest_ms)
        drift_ms = self._offset_ms - known_ms
        if abs(drift_ms) <= self._lease_ms / PARTS:
            return Clock.STEADY
        self._claims_from_s = seen.received_s + self._lease_ms / 1000
        return Clock.FORWARD if drift_ms > 0 else Clock.BACK

    def may_claim(self, now_s: float) -> bool:
        """True where no jump was seen within the last lease, on the own clock."""
        return self._offset_ms is not None and now_s >= self._claims_from_s


class ServerClock:
    """What the server's clock shows: what it showed when it was last heard of, and since then.

    Behind by the time that the answer was on its way, and by what has been put forward since.
    """

    def __init__(self, elapsed_s: Callable[[], float] = time.monotonic) -> None:
        self._elapsed_s = elapsed_s
        self._offset_ms: float | None = None

    def heard(self, server_ms: int) -> None:
        """An answer has told what it showed just now."""
        self._offset_ms = server_ms - self._elapsed_s() * 1000

    def now_ms(self) -> int:
        """Unix milliseconds; 0 where nothing was heard yet."""
        if self._offset_ms is None:
            return 0
        return round(self._offset_ms + self._elapsed_s() * 1000)
