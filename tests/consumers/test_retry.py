"""When to try again is a law, so it is tested as one."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.errors import PermanentError, RetryableError
from consumers.retry import GiveUp, RetryPolicy, TryAgain, decide

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
ROUNDING = timedelta(microseconds=1)


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 2), (2, 4), (3, 8), (4, 16), (9, 512)])
def test_the_default_is_two_seconds_and_then_twice_as_long_each_time(
    attempt: int, seconds: int
) -> None:
    assert RetryPolicy().delay(attempt, chance=0) == timedelta(seconds=seconds)


def test_the_default_ends_at_ten_minutes_and_a_quarter() -> None:
    assert RetryPolicy().delay(1000, chance=0) == timedelta(minutes=10)
    assert RetryPolicy().delay(1000, chance=1) == timedelta(minutes=12.5)


@given(policy=POLICIES, attempt=ATTEMPTS, chance=CHANCES)
def test_a_wait_lies_between_the_shorter_of_first_and_cap_and_the_cap_with_its_jitter(
    policy: RetryPolicy, attempt: int, chance: float
) -> None:
    wait = policy.delay(attempt, chance)

    assert min(policy.first, policy.cap) - ROUNDING <= wait
    assert wait <= policy.cap * (1 + policy.jitter) + ROUNDING


@given(policy=POLICIES, attempt=ATTEMPTS, chance=CHANCES)
def test_a_later_attempt_never_waits_shorter(
    policy: RetryPolicy, attempt: int, chance: float
) -> None:
    assert policy.delay(attempt, chance) <= policy.delay(attempt + 1, chance)


@given(policy=POLICIES, attempt=ATTEMPTS, chances=st.tuples(CHANCES, CHANCES))
def test_jitter_only_ever_makes_a_wait_longer(
    policy: RetryPolicy, attempt: int, chances: tuple[float, float]
) -> None:
    low, high = sorted(chances)

    assert policy.delay(attempt, 0) <= policy.delay(attempt, low)
    assert policy.delay(attempt, low) <= policy.delay(attempt, high)


@given(
    policy=POLICIES,
    attempt=ATTEMPTS,
    chance=CHANCES,
    retry_after=st.timedeltas(timedelta(days=-1), timedelta(days=400)),
)
def test_retry_after_is_a_lower_bound_and_changes_nothing_else(
    policy: RetryPolicy, attempt: int, chance: float, retry_after: timedelta
) -> None:
    alone = policy.delay(attempt, chance)

    assert policy.delay(attempt, chance, retry_after) == max(alone, retry_after)


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
    assert decide(RetryableError("busy"), 1, 3, RetryPolicy(), 0) == TryAgain(timedelta(seconds=2))


def test_an_error_that_names_a_wait_gets_no_attempt_more_than_others() -> None:
    busy = RetryableError("busy", retry_after=timedelta(hours=1))

    assert decide(busy, 3, 3, RetryPolicy(), 0) == GiveUp("attempts used up")
