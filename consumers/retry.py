"""When to try again: a pure function of the failure, the attempt and a random number."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from consumers.errors import PermanentError, RetryableError, Snooze
from streams.backoff import Backoff

#: So often a handler may put its job off (`Snooze`) without being charged an attempt.
SNOOZES_MAX = 100

#: Causes of death that `decide` names.
PERMANENT = "permanent error"
USED_UP = "attempts used up"


@dataclass(frozen=True, slots=True)
class RetryPolicy(Backoff):
    """Exponential backoff with jitter: 2 to 4 s, then 4 to 8, 8 to 16, ... up to ten minutes.

    The step of an attempt is `first * factor ** (attempt - 1)`, at most `cap`. The wait is
    drawn evenly from the last part of the step: `jitter` is how large that part is. With
    0.5, the default, no job comes back at once and the windows of two attempts adjoin, so
    that jobs that failed together are spread over all the time that they have. With 1 it is
    the full jitter of https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/,
    which asks for the least work but may try again at once; with 0 there is no chance in it.

    Raises:
        ValueError: a wait or a factor that makes no sense.
    """

    @classmethod
    def of(cls, backoff: Backoff) -> Self:
        """The policy that a job carries."""
        return cls(backoff.first, backoff.factor, backoff.cap, backoff.jitter)

    def delay(self, attempt: int, chance: float, retry_after: timedelta | None = None) -> timedelta:
        """The wait after *attempt* (1 is the first) failed.

        *chance* is a number from 0 to 1. *retry_after* is a lower bound that also stands
        above the cap, because who names one knows better; jobs that were told the same
        moment are spread behind it, by as much as they would be without it.
        """
        # The exponent is bounded, because 2.0 ** 1100 is an OverflowError.
        grown = self.first.total_seconds() * self.factor ** min(attempt - 1, 64)
        step_s = min(grown, self.cap.total_seconds())
        spread = timedelta(seconds=step_s * self.jitter * chance)
        wait = timedelta(seconds=step_s * (1 - self.jitter)) + spread
        return wait if retry_after is None else max(wait, retry_after + spread)


@dataclass(frozen=True, slots=True)
class TryAgain:
    """Run the job again after a wait."""

    after: timedelta


@dataclass(frozen=True, slots=True)
class PutOff:
    """Run the job again after a wait; nothing has failed."""

    after: timedelta
    reason: str


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The job is dead."""

    cause: str


Decision = TryAgain | PutOff | GiveUp


def decide(
    error: BaseException,
    attempt: int,
    attempts_max: int,
    policy: RetryPolicy,
    chance: float,
    *,
    snoozes: int = 0,
) -> Decision:
    """What becomes of a job whose *attempt* of *attempts_max* raised *error*.

    *snoozes* is how often it has been put off before.
    """
    if isinstance(error, PermanentError):
        return GiveUp(PERMANENT)
    if isinstance(error, Snooze) and snoozes < SNOOZES_MAX:
        return PutOff(error.delay, error.reason)
    if attempt >= attempts_max:
        return GiveUp(USED_UP)
    if isinstance(error, Snooze):
        return TryAgain(max(error.delay, policy.delay(attempt, chance)))
    retry_after = error.retry_after if isinstance(error, RetryableError) else None
    return TryAgain(policy.delay(attempt, chance, retry_after))
