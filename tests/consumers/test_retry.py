"""When to try again is a law, so it is tested as one."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.errors import RETRY_AFTER_MAX, PermanentError, RetryableError, Snooze
from consumers.retry import SNOOZES_MAX, GiveUp, PutOff, RetryPolicy, TryAgain, decide

CHANCES = st.floats(0, 1)
ATTEMPTS = st.integers(1, 1000)
POLICIES = st.builds(
    RetryPolicy,
    first=st.timedeltas(timedelta(milliseconds=1), timedelta(minutes=5)),
    factor=st.floats(1, 100),
    cap=st.timedeltas(timedelta(milliseconds=1), timedelta(days=1)),
    jitter=st.floats(0, 1),
)
#: Delays are whole microseconds.
ROUNDING = timedelta(microseconds=2)


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 2), (2, 4), (3, 8), (4, 16), (8, 256)])
def test_the_default_waits_two_seconds_at_least_and_then_twice_as_long_each_time(
    attempt: int, seconds: int
) -> None:
    """And at most twice that, so that the windows of two attempts adjoin."""
    assert RetryPolicy().delay(attempt, chance=0) == timedelta(seconds=seconds)
    assert RetryPolicy().delay(attempt, chance=1) == timedelta(seconds=2 * seconds)


def test_the_default_never_waits_longer_than_ten_minutes() -> None:
    assert RetryPolicy().delay(1000, chance=0) == timedelta(minutes=5)
    assert RetryPolicy().delay(1000, chance=1) == timedelta(minutes=10)


def test_full_jitter_and_none_are_policies_too() -> None:
    full, none = RetryPolicy(jitter=1), RetryPolicy(jitter=0)

    assert [full.delay(1, chance) for chance in (0, 1)] == [timedelta(0), timedelta(seconds=4)]
    assert none.delay(3, chance=0) == none.delay(3, chance=1) == timedelta(seconds=16)


@given(policy=POLICIES, attempt=ATTEMPTS, chance=CHANCES)
def test_a_wait_lies_in_the_last_part_of_the_step_and_never_above_the_cap(
    policy: RetryPolicy, attempt: int, chance: float
) -> None:
    wait = policy.delay(attempt, chance)

    assert min(policy.first, policy.cap) * (1 - policy.jitter) - ROUNDING <= wait
    assert wait <= policy.cap + ROUNDING


@given(policy=POLICIES, attempt=ATTEMPTS, chance=CHANCES)
def test_a_later_attempt_never_waits_shorter_with_the_same_luck(
    policy: RetryPolicy, attempt: int, chance: float
) -> None:
    assert policy.delay(attempt, chance) <= policy.delay(attempt + 1, chance) + ROUNDING


@given(policy=POLICIES, attempt=ATTEMPTS, chances=st.tuples(CHANCES, CHANCES))
def test_the_chance_draws_evenly(
    policy: RetryPolicy, attempt: int, chances: tuple[float, float]
) -> None:
    """Half way between two chances lies half way between their waits."""
    low, high = (policy.delay(attempt, chance) for chance in chances)
    middle = policy.delay(attempt, sum(chances) / 2)

    assert abs(middle - (low + high) / 2) <= ROUNDING


@given(
    policy=POLICIES,
    attempt=ATTEMPTS,
    chance=CHANCES,
    retry_after=st.timedeltas(timedelta(days=-1), timedelta(days=400)),
)
def test_retry_after_is_a_lower_bound_behind_which_jobs_are_spread(
    policy: RetryPolicy, attempt: int, chance: float, retry_after: timedelta
) -> None:
    """All jobs that a service has told the same moment would come in that moment."""
    alone, least = policy.delay(attempt, chance), policy.delay(attempt, 0)
    wait = policy.delay(attempt, chance, retry_after)

    assert wait >= max(alone, retry_after)
    assert wait <= max(alone, retry_after + (alone - least)) + ROUNDING


@pytest.mark.parametrize(
    "wrong",
    [
        {"first": timedelta(seconds=-1)},
        {"cap": timedelta(seconds=-1)},
        {"factor": 0.5},
        {"factor": float("nan")},
        {"jitter": 1.1},
        {"jitter": -0.1},
        {"jitter": float("nan")},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="got"):
        RetryPolicy(**wrong)  # type: ignore[arg-type]


@given(attempts_max=ATTEMPTS, attempt=ATTEMPTS, chance=CHANCES)
def test_a_job_is_tried_as_often_as_it_may_be_and_not_once_more(
    attempts_max: int, attempt: int, chance: float
) -> None:
    decision = decide(ValueError(), attempt, attempts_max, RetryPolicy(), chance)

    if attempt < attempts_max:
        assert decision == TryAgain(RetryPolicy().delay(attempt, chance))
    else:
        assert decision == GiveUp("attempts used up")


@given(attempt=ATTEMPTS, chance=CHANCES)
def test_a_permanent_error_is_never_tried_again(attempt: int, chance: float) -> None:
    decision = decide(PermanentError("no such layer"), attempt, 1000, RetryPolicy(), chance)

    assert decision == GiveUp("permanent error")


def test_an_error_that_names_a_wait_gets_it() -> None:
    busy = RetryableError("busy", retry_after=timedelta(hours=1))

    assert decide(busy, 1, 3, RetryPolicy(), 0) == TryAgain(timedelta(hours=1))
    assert decide(busy, 1, 3, RetryPolicy(), 1) == TryAgain(timedelta(hours=1, seconds=2))
    assert decide(RetryableError("busy"), 1, 3, RetryPolicy(), 0) == TryAgain(timedelta(seconds=2))


def test_an_error_that_names_a_wait_gets_no_attempt_more_than_others() -> None:
    busy = RetryableError("busy", retry_after=timedelta(hours=1))

    assert decide(busy, 3, 3, RetryPolicy(), 0) == GiveUp("attempts used up")


def test_nobody_waits_for_ever() -> None:
    for_ever = timedelta.max

    assert RetryableError("busy", retry_after=for_ever).retry_after == RETRY_AFTER_MAX
    assert Snooze(for_ever).delay == RETRY_AFTER_MAX
    assert Snooze(timedelta(seconds=-1)).delay == timedelta(0)


@given(attempt=ATTEMPTS, chance=CHANCES, snoozes=st.integers(0, SNOOZES_MAX - 1))
def test_a_job_that_is_put_off_comes_back_when_its_handler_said(
    attempt: int, chance: float, snoozes: int
) -> None:
    """Also at its last attempt: nothing has failed."""
    put_off = Snooze(timedelta(minutes=3), "the run is not there yet")

    decision = decide(put_off, attempt, attempt, RetryPolicy(), chance, snoozes=snoozes)

    assert decision == PutOff(timedelta(minutes=3), "the run is not there yet")


def test_a_job_that_is_put_off_without_end_is_charged_and_ends() -> None:
    soon, later = Snooze(timedelta(0)), Snooze(timedelta(hours=1))

    assert decide(soon, 1, 3, RetryPolicy(), 0, snoozes=SNOOZES_MAX) == TryAgain(
        timedelta(seconds=2)
    )
    assert decide(later, 1, 3, RetryPolicy(), 0, snoozes=SNOOZES_MAX) == TryAgain(
        timedelta(hours=1)
    )
    assert decide(soon, 3, 3, RetryPolicy(), 0, snoozes=SNOOZES_MAX) == GiveUp("attempts used up")
