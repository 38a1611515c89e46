"""Waiting for a condition instead of for the clock."""

import inspect
import time
from collections.abc import Awaitable, Callable

import anyio

#: Long enough for a busy machine; a test that fails waits this long and no longer.
TIMEOUT_S = 15.0


async def wait_until(
    predicate: Callable[[], Awaitable[object] | object],
    description: str,
    timeout_s: float = TIMEOUT_S,
) -> None:
    """Return as soon as *predicate* is true; it may be async.

    Raises:
        AssertionError: it was not within *timeout_s*; says *description* and the last value.
    """
    value: object = None
    pause_s = 0.005
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        value = predicate()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return
        await anyio.sleep(pause_s)
        pause_s = min(pause_s * 1.5, 0.1)
    raise AssertionError(f"not within {timeout_s} s: {description} (last seen: {value!r})")
