"""Whether a worker may still believe in its leases."""

import asyncio
import math
from collections.abc import Callable

import anyio
import anyio.lowlevel
import pytest

from consumers import leases
from consumers.leases import LeaseWatch, boot_s
from consumers.loop import WakingLoop, run_in_waking_loop


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Puts the clock forward or back."""
    now = [100.0]
    monkeypatch.setattr(leases, "boot_s", lambda: now[0])

    def put(to_s: float) -> None:
        now[0] = to_s

    put(100.0)
    return put


def test_a_renewal_counts_from_its_sending(at: Callable[[float], None]) -> None:
    """The answer came six seconds later; the server may have counted from the beginning."""
    watch = LeaseWatch(8.0)
    at(106.0)
    watch.renewed(101.0)

    at(109.0)
    assert not watch.is_silent()
    at(109.1)
    assert watch.is_silent()


def test_an_answer_that_comes_late_takes_nothing_back(at: Callable[[float], None]) -> None:
    watch = LeaseWatch(8.0)
    watch.renewed(110.0)
    watch.renewed(105.0)

    at(117.9)
    assert not watch.is_silent()


def test_what_was_taken_since_the_last_renewal_has_a_lease_of_its_own(
    at: Callable[[float], None],
) -> None:
    watch = LeaseWatch(8.0)
    at(120.0)

    assert watch.is_silent()
    assert watch.may_have_lapsed(taken_s=111.9)
    assert not watch.may_have_lapsed(taken_s=112.1)


def test_a_renewal_by_somebody_else_counts(at: Callable[[float], None]) -> None:
    elsewhere = [-math.inf]
    watch = LeaseWatch(8.0, lambda: elsewhere[0])
    at(120.0)
    assert watch.is_silent()

    elsewhere[0] = 115.0
    assert not watch.is_silent()
    assert not watch.may_have_lapsed(taken_s=100.0)


def test_the_clock_goes_on() -> None:
    assert boot_s() <= boot_s()


def test_the_loop_looks_around_before_a_timer_that_is_due() -> None:
    seen: list[str] = []

    async def main() -> int:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, WakingLoop)
        loop.call_later(0.01, seen.append, "timer")
        with loop.on_wake(lambda: seen.append("look")), loop.on_wake(lambda: seen.append("two")):
            while "timer" not in seen:
                await anyio.lowlevel.checkpoint()
        seen.append("end")
        await anyio.lowlevel.checkpoint()
        return 7

    assert run_in_waking_loop(main) == 7
    assert seen[seen.index("timer") - 2 : seen.index("timer")] == ["look", "two"]
    assert seen[-1] == "end"
