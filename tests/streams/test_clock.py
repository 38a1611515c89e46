"""Jumps of the server's clock are told from slow answers and from clocks that drift."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.clock import FIRST_PART, PARTS, Clock, ClockGuard, ServerClock, Sighting

LEASE_MS = 9_000
THIRD_MS = LEASE_MS // PARTS
START_MS, START_S = 1_700_000_000_000, 500.0

#: How far the true moment of the server's answer is from both ends of a call.
halves = st.floats(0, 0.5)


class Servers:
    """A server and a worker with their clocks, in a time of their own."""

    def __init__(self) -> None:
        self.guard = ClockGuard(LEASE_MS)
        self.now_s = 0.0
        self.shift_ms = 0.0

    def look(self, after_s: float = 1.0, *, there_s: float = 0.001, back_s: float = 0.001) -> Clock:
        """A call, *after_s* since the last one was answered."""
        sent_s = self.now_s + after_s
        self.now_s = sent_s + there_s + back_s
        server_ms = round(START_MS + (sent_s + there_s) * 1000 + self.shift_ms)
        return self.guard.look(Sighting(server_ms, START_S + sent_s, START_S + self.now_s))

    def may_claim(self) -> bool:
        return self.guard.may_claim(START_S + self.now_s)


def servers() -> Servers:
    """Both have known each other for a lease."""
    both = Servers()
    both.look()
    both.now_s += LEASE_MS / 1000
    assert both.look() is Clock.STEADY
    assert both.may_claim()
    return both


def test_before_the_first_answer_nothing_is_claimed() -> None:
    assert not ClockGuard(LEASE_MS).may_claim(START_S)


def test_a_guard_that_begins_waits_until_the_living_have_renewed() -> None:
    both = Servers()
    both.look()

    assert not both.may_claim()
    both.now_s += LEASE_MS / FIRST_PART / 1000
    assert both.may_claim()


@pytest.mark.parametrize(
    ("shift_ms", "clock"),
    [
        (3_600_000, Clock.FORWARD),
        (THIRD_MS + 10, Clock.FORWARD),
        (THIRD_MS - 10, Clock.STEADY),
        (0, Clock.STEADY),
        (10 - THIRD_MS, Clock.STEADY),
        (-10 - THIRD_MS, Clock.BACK),
        (-3_600_000, Clock.BACK),
    ],
)
def test_more_than_a_third_of_a_lease_is_a_jump(shift_ms: int, clock: Clock) -> None:
    both = servers()

    both.shift_ms = shift_ms

    assert both.look() is clock
    assert both.may_claim() is (clock is Clock.STEADY)


@pytest.mark.parametrize("shift_ms", [3_600_000, -3_600_000])
def test_a_jump_suspends_claiming_for_one_lease_and_no_longer(shift_ms: int) -> None:
    both = servers()
    both.shift_ms = shift_ms
    both.look()

    both.look(LEASE_MS / 1000 - 0.1)
    assert not both.may_claim()
    assert both.look(0.2) is Clock.STEADY
    assert both.may_claim()


def test_a_second_jump_begins_the_wait_anew() -> None:
    both = servers()
    both.shift_ms = 3_600_000
    both.look()
    both.shift_ms = 0

    assert both.look(LEASE_MS / 1000 - 0.1) is Clock.BACK
    both.look(0.2)
    assert not both.may_claim()


@given(st.lists(st.tuples(st.floats(0, 60), halves, halves), max_size=50))
def test_slow_answers_are_no_jumps(calls: list[tuple[float, float, float]]) -> None:
    """However the time of a call is spent on the way there and on the way back."""
    both = servers()

    for after_s, there_s, back_s in calls:
        assert both.look(after_s, there_s=there_s * 100, back_s=back_s * 100) is Clock.STEADY
    assert both.may_claim()


@given(st.lists(st.floats(-THIRD_MS / 2, THIRD_MS / 2), max_size=100))
def test_a_clock_that_is_slewed_is_followed(steps_ms: list[float]) -> None:
    both = servers()

    for step_ms in steps_ms:
        both.shift_ms += step_ms
        assert both.look() is Clock.STEADY


@given(
    shift_ms=st.floats(THIRD_MS * 1.5, 1e9) | st.floats(-1e9, -THIRD_MS * 1.5),
    calls=st.lists(st.tuples(halves, halves), max_size=20),
    there_s=halves,
    back_s=halves,
)
def test_a_jump_is_seen_through_slow_answers(
    shift_ms: float, calls: list[tuple[float, float]], there_s: float, back_s: float
) -> None:
    """As long as a call takes less time than what makes a jump."""
    both = servers()
    for there, back in calls:
        both.look(there_s=there, back_s=back)

    both.shift_ms = shift_ms
    expected = Clock.FORWARD if shift_ms > 0 else Clock.BACK

    assert both.look(there_s=there_s, back_s=back_s) is expected
    assert not both.may_claim()


def test_a_worker_that_was_frozen_sees_no_jump() -> None:
    """The server's clock went on as its own did."""
    both = servers()

    assert both.look(3600) is Clock.STEADY
    assert both.look(back_s=3600) is Clock.STEADY
    assert both.look() is Clock.STEADY


def test_between_two_answers_the_servers_clock_goes_like_the_own_one() -> None:
    elapsed = [500.0]
    clock = ServerClock(lambda: elapsed[0])
    assert clock.now_ms() == 0

    clock.heard(START_MS)
    elapsed[0] += 1.5
    assert clock.now_ms() == START_MS + 1500

    clock.heard(START_MS - 3_600_000)
    assert clock.now_ms() == START_MS - 3_600_000
