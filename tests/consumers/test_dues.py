"""The promoter sleeps until something is due, and asks only when nobody else has heard."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import anyio
import pytest

from consumers.dues import ASK_S, Dues
from tests.support.waiting import TIMEOUT_S, wait_until


@dataclass
class Clock:
    """Stands still until it is set."""

    now_s: float = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    """A clock of the test."""
    return Clock()


@pytest.fixture
def dues(clock: Clock) -> Dues:
    """Nobody has heard anything so far."""
    return Dues(clock)


def test_who_has_heard_nothing_asks_at_once(dues: Dues) -> None:
    assert dues.until_s() == -math.inf


def test_it_waits_until_the_next_one_is_due(dues: Dues, clock: Clock) -> None:
    dues.heard(300)

    assert dues.until_s() == clock.now_s + 0.3


def test_where_none_waits_or_none_soon_it_asks_again_after_a_while(
    dues: Dues, clock: Clock
) -> None:
    """Another producer may have put one there that is due before."""
    for due_in_ms in (None, 60_000):
        dues.heard(due_in_ms)
        assert dues.until_s() == clock.now_s + ASK_S


def test_what_others_hear_puts_the_question_off(dues: Dues, clock: Clock) -> None:
    """A worker that fetches all the time never asks for due times alone."""
    dues.heard(None)
    clock.now_s += ASK_S * 0.9
    dues.heard(None)

    assert dues.until_s() == clock.now_s + ASK_S


def test_the_last_answer_replaces_what_was_heard_before(dues: Dues, clock: Clock) -> None:
    """The one that was due next may have been cancelled."""
    dues.heard(100)
    dues.heard(200)

    assert dues.until_s() == clock.now_s + 0.2


def test_of_what_this_worker_puts_off_the_soonest_counts(dues: Dues, clock: Clock) -> None:
    dues.heard(200)
    dues.expect(5_000)
    assert dues.until_s() == clock.now_s + 0.2
    dues.expect(50)
    assert dues.until_s() == clock.now_s + 0.05


def test_an_answer_does_not_know_of_what_was_put_there_since_it_was_asked_for(
    dues: Dues, clock: Clock
) -> None:
    asked_s = dues.now_s()
    clock.now_s += 0.001
    dues.expect(300)
    clock.now_s += 0.001

    dues.heard(None, asked_s=asked_s)
    assert dues.until_s() == pytest.approx(clock.now_s + 0.299)

    dues.heard(None, asked_s=dues.now_s())
    assert dues.until_s() == clock.now_s + ASK_S


@pytest.mark.parametrize("tell", [lambda dues: dues.heard(0), lambda dues: dues.expect(0)])
async def test_one_that_comes_sooner_ends_the_sleep(
    dues: Dues, clock: Clock, tell: Callable[[Dues], None]
) -> None:
    """The clock stands still: nothing else could end it."""
    dues.heard(None)

    with anyio.fail_after(TIMEOUT_S):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(dues.wait)
            await wait_until(lambda: dues.waits_until_s > clock.now_s, "it sleeps")
            tell(dues)
