"""What a supervisor makes of what it is told, and of silence."""

import os

import pytest

from consumers.supervisor.procstate import is_running
from consumers.supervisor.restarts import CrashCount, RestartPolicy
from consumers.supervisor.tells import (
    LINE_BYTES_MAX,
    Beat,
    Bye,
    Hello,
    Run,
    Tell,
    TellReader,
    encode,
)
from consumers.supervisor.told import Step, Told

LEASE_S = 10.0


def beat(
    *, until_s: float = 0.0, kinds: tuple[str, ...] = (), stalled_s: float = 0.0, unready: str = ""
) -> Beat:
    return Beat(until_s, kinds, stalled_s, 0.0, unready, 0)


def told(*tells: Tell, at_s: float = 100.0) -> Told:
    """Who said these things at *at_s*, after a hello."""
    found = Told()
    for tell in (Hello("w:1:aa", "{}"), *tells):
        found.take(tell, at_s)
    return found


def step(of: Told, after_s: float) -> Step:
    return of.judge(100.0 + after_s, lease_s=LEASE_S)


def test_who_speaks_is_left_alone() -> None:
    assert step(told(beat(until_s=1_000.0)), 3.9) is Step.NOTHING


def test_who_is_silent_with_jobs_is_renewed_up_to_the_longest_deadline_and_then_ended() -> None:
    busy = told(beat(until_s=130.0, kinds=("a",)))

    assert step(busy, 4.1) is Step.RENEW
    assert step(busy, 29.9) is Step.RENEW
    assert step(busy, 31.0) is Step.NOTHING  # a word may still come
    assert step(busy, 32.1) is Step.KILL


def test_a_job_that_was_told_after_the_beat_counts() -> None:
    busy = told(beat(), Run("b", 500.0))

    assert step(busy, 300.0) is Step.RENEW
    assert busy.kinds == ("b",)


def test_a_beat_forgets_what_has_ended() -> None:
    idle = told(Run("b", 500.0), beat())

    assert (idle.until_s, idle.kinds) == (0.0, ())
    assert step(idle, 5.0) is Step.NOTHING


def test_who_is_silent_without_a_job_hangs_after_three_leases() -> None:
    assert step(told(beat()), 31.0) is Step.NOTHING
    assert step(told(beat()), 32.1) is Step.KILL


def test_who_has_said_goodbye_may_be_silent_for_a_while() -> None:
    leaving = told(Run("a", 500.0), Bye())

    assert step(leaving, 29.0) is Step.NOTHING
    assert step(leaving, 31.0) is Step.KILL


def test_who_has_not_said_hello_is_starting_and_may_take_its_time() -> None:
    assert Told().judge(10_000.0, lease_s=LEASE_S) is Step.NOTHING


def test_a_short_deadline_ends_nobody_who_may_be_about_to_speak() -> None:
    """A beat comes every fifth of a lease; a job of a millisecond is over by then."""
    assert step(told(Run("short", 100.001)), 9.9) is Step.NOTHING
    assert step(told(Run("short", 100.001)), 10.1) is Step.KILL


def test_who_beats_with_a_blocked_loop_is_ended_before_its_lease_lapses() -> None:
    blocked = told(beat(until_s=60.0, stalled_s=20.0), at_s=67.9)

    assert blocked.judge(67.9, lease_s=LEASE_S) is Step.NOTHING
    assert blocked.judge(68.1, lease_s=LEASE_S) is Step.KILL
    turning = told(beat(until_s=60.0, stalled_s=0.1), at_s=67.9)
    assert turning.judge(68.1, lease_s=LEASE_S) is Step.NOTHING


@pytest.mark.parametrize(
    "tell",
    [Hello("w:1:aa", '{"name":"w"}'), Run("a.b", 1.5), Bye(), beat(until_s=2.5, kinds=("a", "b"))],
)
def test_what_is_told_arrives_however_the_pipe_cuts_it(tell: Tell) -> None:
    line = encode(tell) * 3
    for size in (1, 7, len(line)):
        reader = TellReader()
        chunks = [line[at : at + size] for at in range(0, len(line), size)]
        assert [heard for chunk in chunks for heard in reader.feed(chunk)] == [tell] * 3


def test_what_cannot_be_read_is_passed_over() -> None:
    garbage = b'\xff\n[]\n{"tell":"run"}\n{"tell":"nonsense"}\n3\n\n{"tell":"run","a":1}\n'

    assert list(TellReader().feed(garbage + encode(Run("a", 1.0)))) == [Run("a", 1.0)]


def test_a_line_that_does_not_end_is_forgotten() -> None:
    reader = TellReader()
    for _ in range(20):
        assert list(reader.feed(b"x" * 10_000)) == []
    assert len(reader._rest) <= TellReader.BYTES_MAX


def test_a_beat_goes_into_a_pipe_whole_whatever_the_kinds_are_called() -> None:
    tell = beat(kinds=tuple(f"{number}" + "ü" * 500 for number in range(100)), unready="ü" * 9_000)

    assert len(encode(tell)) <= LINE_BYTES_MAX


def test_restarts_come_later_and_later_and_a_steady_process_starts_over() -> None:
    count = CrashCount(RestartPolicy(first_s=1, last_s=5, steady_s=30, crashes_max=4))

    assert [count.ended(1, 0.0) for _ in range(4)] == [1, 2, 4, 5]
    assert (count.in_a_row, count.is_loop) == (4, True)
    assert count.ended(-9, 31.0) == 1
    assert (count.in_a_row, count.is_loop) == (1, False)
    assert count.ended(0, 0.0) == 1
    assert (count.in_a_row, count.is_loop) == (0, False)


def test_this_process_runs_and_a_missing_one_does_not() -> None:
    assert is_running(os.getpid())
    assert not is_running(2**22 + 1)
