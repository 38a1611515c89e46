"""An event loop that looks around before it goes on.

When a frozen process wakes, the loop returns from its wait and would go on with whatever
is due: a handler's timer, an answer that has arrived. `WakingLoop` calls back first, so
that a worker can end handlers whose leases have lapsed before they take another step.
A handler that is in the middle of a step when it freezes takes that step to its end; only
the fence of `consumers.handler.Context` protects what it writes.
"""

import asyncio
import gc
import selectors
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from typing import Any, TypeVar

import anyio

T = TypeVar("T")


class _WakingSelector(selectors.DefaultSelector):
    """Calls back after each wait."""

    def __init__(self) -> None:
        super().__init__()
        self.looks: list[Callable[[], None]] = []

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(timeout)
        for look in self.looks:
            look()
        return events


class WakingLoop(asyncio.SelectorEventLoop):
    """asyncio's loop with a place to look around."""

    def __init__(self) -> None:
        self._waking = _WakingSelector()
        super().__init__(self._waking)

    @contextmanager
    def on_wake(self, look: Callable[[], None]) -> Generator[None]:
        """Call *look* whenever the loop has waited and before anything else runs.

        As long as the block lasts. It must be quick, and must not raise.
        """
        self._waking.looks.append(look)
        try:
            yield
        finally:
            self._waking.looks.remove(look)


def run_in_waking_loop(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run *main* to its end in a loop of this kind; returns what it returns."""
    return anyio.run(main, backend_options={"loop_factory": WakingLoop})


def spare_the_collector() -> None:
    """Take what is there now out of the garbage collector's sight.

    Modules and models live as long as their process: to look for garbage in them again and
    again is work for nothing.
    """
    gc.collect()
    gc.freeze()
