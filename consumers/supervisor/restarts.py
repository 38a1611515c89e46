"""When a process that has ended is started again."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """Restarts come at once at first and ever later, and not without end."""

    first_s: float = 0.5
    last_s: float = 30.0
    steady_s: float = 10.0
    """A process that took jobs for so long is no part of a crash loop."""
    crashes_max: int = 10
    """So many crashes in a row of every process end the supervisor."""

    def wait_s(self, crashes: int) -> float:
        """Before the restart after *crashes* in a row."""
        return float(min(self.first_s * 2 ** min(max(crashes - 1, 0), 30), self.last_s))


class CrashCount:
    """Crashes in a row of one process."""

    def __init__(self, policy: RestartPolicy) -> None:
        self._policy = policy
        self.in_a_row = 0

    def ended(self, status: int, lived_s: float) -> float:
        """Count an end with *status* after *lived_s* of taking jobs; how long to wait now."""
        if status == 0:
            self.in_a_row = 0
        elif lived_s >= self._policy.steady_s:
            self.in_a_row = 1
        else:
            self.in_a_row += 1
        return self._policy.wait_s(self.in_a_row)

    @property
    def is_loop(self) -> bool:
        """True where another restart is no help."""
        return self.in_a_row >= self._policy.crashes_max
