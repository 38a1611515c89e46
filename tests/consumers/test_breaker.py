"""The circuit breaker as a state machine: when it opens, probes and closes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.breaker import Breaker, BreakerRules, Circuit

RULES = BreakerRules(
    ratio=0.8, runs_min=10, window_s=30, cool_down_s=5, cool_down_max_s=20, probes=2
)


def feed(breaker: Breaker, runs: str, now_s: float = 0, *, probe: bool = False) -> Circuit:
    """Runs that have failed (`x`) or not (`.`), one after the other."""
    for run in runs:
        breaker.ended(now_s, failed=run == "x", probe=probe)
    return breaker.state


def opened() -> Breaker:
    """A breaker that has opened at 0."""
    breaker = Breaker(RULES)
    assert feed(breaker, "x" * 10) is Circuit.OPEN
    return breaker


@pytest.mark.parametrize(
    ("runs", "state"),
    [
        ("x" * 9, Circuit.CLOSED),
        ("x" * 10, Circuit.OPEN),
        (".." + "x" * 8, Circuit.OPEN),
        ("..." + "x" * 7, Circuit.CLOSED),
        ("..." + "x" * 12, Circuit.OPEN),
        ("." * 10_000, Circuit.CLOSED),
        ("x...." * 1000, Circuit.CLOSED),
    ],
)
def test_it_opens_at_the_share_of_failures_and_not_before_enough_runs(
    runs: str, state: Circuit
) -> None:
    assert feed(Breaker(RULES), runs) is state


def test_what_was_long_ago_does_not_count() -> None:
    breaker = Breaker(RULES)
    feed(breaker, "x" * 9, 0)

    assert feed(breaker, "x", 31) is Circuit.CLOSED
    assert breaker.counted(31) == (1, 1)
    assert breaker.counted(62) == (0, 0)


def test_what_was_a_moment_ago_counts() -> None:
    breaker = Breaker(RULES)
    for now_s in range(10):
        feed(breaker, "x", now_s)

    assert breaker.state is Circuit.OPEN
    assert breaker.counted(9) == (10, 10)


def test_it_stays_open_for_the_cool_down_and_then_asks_for_probes() -> None:
    breaker = opened()

    assert (breaker.look(4.9), breaker.wait_s(3)) == (Circuit.OPEN, 2)
    assert (breaker.look(5), breaker.wait_s(5)) == (Circuit.HALF_OPEN, 0)


def test_it_closes_after_enough_probes_have_succeeded_and_begins_to_count_anew() -> None:
    breaker = opened()
    breaker.look(5)

    assert feed(breaker, ".", 6, probe=True) is Circuit.HALF_OPEN
    assert feed(breaker, ".", 6, probe=True) is Circuit.CLOSED
    assert breaker.counted(6) == (0, 0)
    assert feed(breaker, "x" * 9, 6) is Circuit.CLOSED


def test_a_probe_that_fails_opens_it_for_twice_as_long_up_to_a_limit() -> None:
    breaker, now_s = opened(), 0.0

    for cool_down_s in (5, 10, 20, 20):
        assert (breaker.cool_down_s, breaker.wait_s(now_s)) == (cool_down_s, cool_down_s)
        now_s += cool_down_s
        assert breaker.look(now_s) is Circuit.HALF_OPEN
        assert feed(breaker, "x", now_s, probe=True) is Circuit.OPEN


def test_successes_before_a_failed_probe_are_forgotten() -> None:
    breaker = opened()
    breaker.look(5)
    feed(breaker, ".x", 5, probe=True)
    breaker.look(15)

    assert feed(breaker, ".", 15, probe=True) is Circuit.HALF_OPEN


def test_after_it_has_closed_the_cool_down_is_short_again() -> None:
    breaker = opened()
    breaker.look(5)
    feed(breaker, "x", 5, probe=True)
    breaker.look(15)
    feed(breaker, "..", 15, probe=True)

    assert feed(breaker, "x" * 10, 16) is Circuit.OPEN
    assert breaker.cool_down_s == 5


def test_what_was_begun_before_it_opened_decides_nothing_afterwards() -> None:
    """Fifty jobs that were running fail a moment later: the cool-down does not double for each."""
    breaker = opened()
    assert feed(breaker, "x" * 50, 1) is Circuit.OPEN
    assert breaker.wait_s(1) == 4
    breaker.look(5)

    assert feed(breaker, "x" * 50, 5) is Circuit.HALF_OPEN
    assert feed(breaker, "." * 50, 5) is Circuit.HALF_OPEN


@given(
    st.lists(
        st.tuples(st.floats(0, 40), st.booleans(), st.booleans(), st.integers(1, 20)), max_size=60
    )
)
def test_it_is_open_only_after_failures_and_never_for_longer_than_the_limit(
    steps: list[tuple[float, bool, bool, int]],
) -> None:
    breaker, now_s = Breaker(RULES), 0.0
    for pause_s, failed, probe, count in steps:
        now_s += pause_s
        for _ in range(count):
            before = breaker.look(now_s)
            after = breaker.ended(now_s, failed=failed, probe=probe)
            if after is Circuit.OPEN and before is not Circuit.OPEN:
                assert failed
            if after is Circuit.CLOSED and before is not Circuit.CLOSED:
                assert not failed
        # The moments are sums of floats.
        assert breaker.wait_s(now_s) <= RULES.cool_down_max_s + 1e-6
        assert len(breaker._parts) <= 11
    assert breaker.look(now_s + RULES.cool_down_max_s) is not Circuit.OPEN


@pytest.mark.parametrize(
    "wrong",
    [
        {"ratio": 0},
        {"ratio": 1.1},
        {"runs_min": 0},
        {"probes": 0},
        {"window_s": 0},
        {"cool_down_s": 0},
        {"cool_down_s": 2, "cool_down_max_s": 1},
    ],
)
def test_rules_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="BreakerRules"):
        BreakerRules(**wrong)
