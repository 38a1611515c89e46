"""The numbers beside the map."""

from collections.abc import Callable

from producers.gateway.live import LOOK_MS, RATE_MS, Live
from streams.inspection import QueueReport


def report(now_ms: int, completed: int) -> QueueReport:
    """An empty queue that has completed so many jobs."""
    return QueueReport(
        queue="tiles",
        partition=0,
        now_ms=now_ms,
        levels=(),
        delayed=0,
        next_due_ms=None,
        dead=0,
        counters={"completed": completed},
        consumers=(),
    )


class Clock:
    """A clock that is moved by hand, and a queue that completes ten jobs a second."""

    def __init__(self) -> None:
        self.now_ms = 1_000_000
        self.looks = 0

    async def inspect(self) -> QueueReport:
        """A look at the queue, counted."""
        self.looks += 1
        return report(self.now_ms, self.now_ms // 100)


def live_of(clock: Clock) -> Live:
    """Live numbers on *clock*."""
    now_ms: Callable[[], int] = lambda: clock.now_ms  # noqa: E731 - typed for the reader
    return Live(clock.inspect, now_ms=now_ms)


async def test_the_first_look_has_no_rate() -> None:
    assert (await live_of(Clock()).numbers()).per_second == 0.0


async def test_the_rate_is_that_of_the_last_seconds() -> None:
    clock = Clock()
    live = live_of(clock)
    for _ in range(20):
        clock.now_ms += 1000
        numbers = await live.numbers()

        if clock.now_ms > 1_001_000:
            assert numbers.per_second == 10.0


async def test_after_a_long_silence_the_rate_is_over_all_of_it() -> None:
    clock = Clock()
    live = live_of(clock)
    await live.numbers()
    clock.now_ms += 100 * RATE_MS

    assert (await live.numbers()).per_second == 10.0


async def test_many_pages_cost_what_one_costs() -> None:
    clock = Clock()
    live = live_of(clock)
    for _ in range(100):
        await live.numbers()
    clock.now_ms += LOOK_MS
    await live.numbers()

    assert clock.looks == 2
