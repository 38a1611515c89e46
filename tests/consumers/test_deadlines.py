"""One timer for many handlers: each ends in its time, and none before."""

import time

import anyio
import pytest

from consumers.deadlines import Deadlines


async def ended_late(deadlines: Deadlines, deadline_s: float) -> bool:
    """Sleep under a deadline; True where that is what has ended it."""
    scope = anyio.CancelScope()
    deadlines.watch(scope, deadline_s)
    with scope:
        await anyio.sleep_forever()
    return deadlines.end(scope)


async def test_each_scope_is_cancelled_and_none_before_its_time() -> None:
    """Whatever the order in which they come: one timer serves the earliest."""
    deadlines, now_s = Deadlines(), time.monotonic()
    ended: set[int] = set()

    async def wait(number: int, seconds: float) -> None:
        assert await ended_late(deadlines, now_s + seconds)
        assert time.monotonic() >= now_s + seconds
        ended.add(number)

    async with anyio.create_task_group() as tasks:
        for number, seconds in enumerate((0.3, 0.1, 0.2, 0.1)):
            tasks.start_soon(wait, number, seconds)

    assert ended == {0, 1, 2, 3}


async def test_what_has_ended_in_time_is_not_late() -> None:
    deadlines, scope = Deadlines(), anyio.CancelScope()
    deadlines.watch(scope, time.monotonic() + 60)
    with scope:
        await anyio.lowlevel.checkpoint()

    assert not deadlines.end(scope)
    assert not scope.cancel_called


async def test_what_is_ended_from_outside_is_not_late_though_its_time_passes() -> None:
    """A handler that takes its time to clean up was not too slow."""
    deadlines, scope, other = Deadlines(), anyio.CancelScope(), anyio.CancelScope()
    soon_s = time.monotonic() + 0.05
    deadlines.watch(scope, soon_s)
    deadlines.watch(other, soon_s)
    scope.cancel()
    with other:
        await anyio.sleep_forever()

    assert deadlines.end(other)
    assert not deadlines.end(scope)


@pytest.mark.parametrize("late_s", [0.0, -5.0])
async def test_a_deadline_that_has_passed_ends_the_first_wait(late_s: float) -> None:
    with anyio.fail_after(5):
        assert await ended_late(Deadlines(), time.monotonic() + late_s)


async def test_a_scope_without_an_end_is_watched_for_nothing() -> None:
    deadlines, scope = Deadlines(), anyio.CancelScope()
    deadlines.watch(scope, float("inf"))

    assert not deadlines.end(scope)
