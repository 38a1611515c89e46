"""When to try again: a pure function of the failure, the attempt and a random number."""

from dataclasses import dataclass
from datetime import timedelta

from consumers.errors import PermanentError, RetryableError


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential backoff: 2 s, 4 s, 8 s, ... up to ten minutes.

    The wait before the next attempt is `first * factor ** (attempt - 1)`, at most `cap`,
    and then up to `jitter` of itself longer, so that jobs that failed together do not
    come back together.
    """

    first: timedelta = timedelta(seconds=2)
    factor: float = 2.0
    cap: timedelta = timedelta(minutes=10)
    jitter: float = 0.25

    def delay(self, attempt: int, chance: float, retry_after: timedelta | None = None) -> timedelta:
        """The wait after *attempt* (1 is the first) failed.

        *chance* is a number from 0 to 1. *retry_after* is a lower bound that also stands
        above the cap: who names one knows better.
        """
        # The exponent is bounded, because 2.0 ** 1100 is an OverflowError.
        grown = self.first.total_seconds() * self.factor ** min(attempt - 1, 64)
        wait_s = min(grown, self.cap.total_seconds()) * (1 + self.jitter * chance)
        wait = timedelta(seconds=wait_s)
        return wait if retry_after is None else max(wait, retry_after)


@dataclass(frozen=True, slots=True)
class TryAgain:
    """Run the job again after a wait."""

    after: timedelta


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The job is dead."""

    cause: str


def decide(
    error: BaseException, attempt: int, attempts_max: int, policy: RetryPolicy, chance: float
) -> TryAgain | GiveUp:
    """What becomes of a job whose *attempt* of *attempts_max* raised *error*."""
    if isinstance(error, PermanentError):
        return GiveUp("permanent error")
    if attempt >= attempts_max:
        return GiveUp("attempts used up")
    retry_after = error.retry_after if isinstance(error, RetryableError) else None
    return TryAgain(policy.delay(attempt, chance, retry_after))
