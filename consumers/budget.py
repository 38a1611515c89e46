"""How many retries a worker may make: pure, the clock and the chance are passed in.

When everything that a queue needs is down, all its jobs fail, and all of them come back.
The budget keeps their return below a rate that whatever is down can bear while it comes up
again. It never drops a retry and never charges one: what is beyond it waits longer.
"""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class BudgetRules:
    """So many retries a second, and a share of what completes.

    `burst` retries in a row are let through as they are. Nobody is made to wait for more
    than `push_max` in addition to the wait of the policy: beyond that, retries are spread
    over this time.

    Raises:
        ValueError: a number that makes no sense.
    """

    per_s: float = 10.0
    share: float = 0.2
    burst: float = 100.0
    push_max: timedelta = timedelta(minutes=15)

    def __post_init__(self) -> None:
        if self.per_s <= 0 or self.share < 0 or self.burst < 1 or self.push_max < timedelta(0):
            raise ValueError(
                "a retry budget has a positive rate, a share of 0 or more, a burst of 1 or more "
                f"and no negative push, got {self}"
            )


class RetryBudget:
    """A bucket of tokens: a retry takes one, time and completed jobs bring some.

    The bucket may go into debt. A retry that finds it there waits until the debt before it
    is paid, so that the retries beyond the burst come back one by one at the rate.
    """

    def __init__(self, rules: BudgetRules, now_s: float) -> None:
        self._rules = rules
        self._tokens = rules.burst
        self._filled_s = now_s

    @property
    def debt(self) -> float:
        """Retries that wait because of the budget, as of the last call."""
        return max(0.0, -self._tokens)

    def completed(self, now_s: float) -> None:
        """A job has completed: what it needs is there."""
        self._fill(now_s)
        self._tokens = min(self._rules.burst, self._tokens + self._rules.share)

    def retry(self, now_s: float, chance: float) -> timedelta:
        """Take a token; returns how much longer than its policy says the retry must wait.

        *chance* is a number from 0 to 1.
        """
        self._fill(now_s)
        self._tokens -= 1
        if self._tokens >= 0:
            return timedelta(0)
        rules = self._rules
        longest_s = rules.push_max.total_seconds()
        push_s = -self._tokens / rules.per_s
        if push_s > longest_s:
            self._tokens = -longest_s * rules.per_s
            push_s = longest_s * chance
        return timedelta(seconds=push_s)

    def _fill(self, now_s: float) -> None:
        passed_s = max(0.0, now_s - self._filled_s)
        self._tokens = min(self._rules.burst, self._tokens + passed_s * self._rules.per_s)
        self._filled_s = max(self._filled_s, now_s)
