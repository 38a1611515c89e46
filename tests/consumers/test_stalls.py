"""What is remembered of a loop that stood still."""

import pytest

from consumers import stalls
from consumers.stalls import Stalls


class Clock:
    """Stands for the clocks of the system, which a test cannot wait for."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.cpu_s = 0.0

    def monotonic(self) -> float:
        return self.now_s

    def process_time(self) -> float:
        return self.cpu_s

    def passes(self, seconds: float, *, computing: float = 0.0) -> None:
        self.now_s += seconds
        self.cpu_s += computing


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(stalls, "time", clock)
    return clock


def test_a_loop_that_turns_is_not_worth_a_word(clock: Clock) -> None:
    watched = Stalls()
    for _ in range(10):
        clock.passes(1.9)
        watched.turned()
        assert watched.longest(["a"]) is None


def test_a_pause_is_told_while_it_goes_on_and_not_once_more_when_it_is_over(clock: Clock) -> None:
    watched = Stalls()
    for seconds in (2.5, 4.0):
        clock.passes(seconds - (clock.now_s - 100.0))
        stall = watched.longest(["a"])
        assert stall is not None
        assert (stall.seconds, stall.kinds) == (seconds, ("a",))
    clock.passes(0.1)
    watched.turned()

    assert watched.longest([]) is None


def test_a_pause_that_nobody_could_tell_is_told_afterwards_with_all_that_ran(
    clock: Clock,
) -> None:
    watched = Stalls()
    watched.longest(["before"])
    watched.started("short")
    clock.passes(5.0, computing=4.0)
    watched.turned()

    stall = watched.longest(["after"])

    assert stall is not None
    assert (stall.seconds, stall.cpu_s) == (5.0, 4.0)
    assert stall.kinds == ("after", "before", "short")
    assert watched.longest(["after"]) is None


def test_a_pause_too_short_to_be_told_is_not_forgotten(clock: Clock) -> None:
    watched = Stalls()
    clock.passes(1.9)
    assert watched.longest(["a"]) is None
    clock.passes(0.4)
    watched.turned()

    stall = watched.longest(["a"])

    assert stall is not None
    assert stall.seconds == pytest.approx(2.3)
