"""A role's time without its server: how long it waits between tries, and what it says."""

import random
import time
from collections.abc import Callable

from consumers.logs import Logger
from consumers.metrics import Metrics

#: Each wait is at most this much longer than the one before.
_FACTOR = 2.0
#: Waits are up to so much shorter, at random: workers that lost a server together must not
#: come back to it together.
_JITTER = 0.5


class Outage:
    """Counts the tries of one role that fail in a row; the waits grow up to a cap.

    A role asks `failed` after a failed try and `over` after each good one, so that no
    outage, however short, goes without a line in the log and a count in the metrics.
    """

    def __init__(
        self,
        role: str,
        metrics: Metrics,
        log: Logger,
        *,
        first_s: float,
        last_s: float,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._role = role
        self._metrics = metrics
        self._log = log
        self._first_s = first_s
        self._last_s = last_s
        self._chance = chance
        self._wait_s = first_s
        self._since_s: float | None = None

    @property
    def is_on(self) -> bool:
        """True where the last try has failed."""
        return self._since_s is not None

    def failed(self, event: str, error: BaseException, **details: object) -> float:
        """Say so under the name *event*; returns how long to wait before the next try."""
        if self._since_s is None:
            self._since_s = time.monotonic()
        self._metrics.role_failed(self._role)
        self._log.warning(event, error=str(error), **details)
        wait_s = self._wait_s * (1 - _JITTER * self._chance())
        self._wait_s = min(self._wait_s * _FACTOR, self._last_s)
        return wait_s

    def over(self) -> bool:
        """A try has succeeded; True where the one before had failed."""
        if self._since_s is None:
            return False
        seconds = time.monotonic() - self._since_s
        self._since_s = None
        self._wait_s = self._first_s
        self._metrics.outage(self._role, seconds)
        self._log.info("server_back", role=self._role, seconds=round(seconds, 2))
        return True
