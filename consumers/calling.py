"""One call of a handler, in the event loop or in a thread, to its end or to the end of its time.

Knows nothing of jobs: a single handler and a batch handler are called the same way.
"""

import math
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import anyio

from consumers.deadlines import Deadlines
from consumers.ending import Interrupted, TimedOut
from consumers.handler import StoppedError
from consumers.threads import ThreadCall, Threads

#: A thread whose time is over gets so long to notice. Less than the shortest lease, which
#: is renewed until the deadline and not after it.
PATIENCE_S = 0.5


class Value(NamedTuple):
    """The call has come to its end."""

    value: object


class Failed(NamedTuple):
    """The call has raised."""

    error: BaseException


Called = Value | Failed | TimedOut | Interrupted


async def call_in_loop(
    call: Callable[[], Awaitable[object]],
    deadline_s: float,
    scope: anyio.CancelScope,
    deadlines: Deadlines,
) -> Called:
    """Await *call*; *scope* is cancelled to end it from outside, or by *deadlines*.

    A cancellation from further out goes through, as does the end of the program; nothing
    else that a handler does.
    """
    value: object = None
    failed: BaseException | None = None
    deadlines.watch(scope, deadline_s)
    try:
        with scope:
            try:
                value = await call()
            except BaseException as error:
                if _is_from_outside(error):
                    raise
                failed = error
    finally:
        is_late = deadlines.end(scope)
    # A handler may turn its cancellation into an error of its own: that is no failure.
    if scope.cancel_called and (scope.cancelled_caught or failed is not None):
        return TimedOut() if is_late else Interrupted()
    return Value(value) if failed is None else Failed(failed)


async def call_in_thread(
    call: Callable[[], object], deadline_s: float, scope: anyio.CancelScope, threads: Threads
) -> Called:
    """Wait for the thread; it sees by itself that it is to stop (`Context.cancelled`).

    The lease of a thread that goes on is kept until its deadline, whoever wants it to end:
    as long as it may write, nobody else may start.
    """
    run: ThreadCall | None = None
    with scope, anyio.move_on_after(deadline_s - time.monotonic()):
        try:
            run = await threads.start(call)
        except RuntimeError as error:
            return Failed(error)
        await run.done.wait()
    if run is None:
        return Interrupted() if scope.cancel_called else TimedOut()
    if not run.done.is_set():
        with anyio.move_on_after(deadline_s - time.monotonic() + PATIENCE_S):
            await run.done.wait()
    if not run.done.is_set():
        threads.abandon(run)
        return Interrupted() if scope.cancel_called else TimedOut()
    return _called(run, ended_from_outside=scope.cancel_called)


def _called(run: ThreadCall, *, ended_from_outside: bool) -> Called:
    if run.error is None:
        return Value(run.value)
    if ended_from_outside:
        return Interrupted()
    return TimedOut() if isinstance(run.error, StoppedError) else Failed(run.error)


def _is_from_outside(error: BaseException) -> bool:
    """True for what is not the handler's own doing: its cancellation, or the program's end.

    A handler that calls `sys.exit`, or waits for something that was cancelled elsewhere,
    has failed like any other; its neighbours go on.
    """
    if isinstance(error, anyio.get_cancelled_exc_class()):
        return anyio.current_effective_deadline() == -math.inf
    return isinstance(error, KeyboardInterrupt | GeneratorExit)
