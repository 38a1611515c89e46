"""Threads for plain handlers: bounded, and never waited for when the process ends.

A pool's threads are joined at the interpreter's exit, so that one handler which never
comes back would keep a worker from ending. Here each run has a daemon thread of its own,
which takes a fraction of a millisecond to start.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context

import anyio


class ThreadCall:
    """A call that runs in a thread, and what came of it."""

    def __init__(self, call: Callable[[], object]) -> None:
        self._call = call
        self.done = anyio.Event()
        self.value: object = None
        self.error: BaseException | None = None

    def run(self) -> None:
        """Make the call, in the thread."""
        try:
            self.value = self._call()
        except BaseException as error:  # noqa: BLE001 - it is handed over, not hidden
            self.error = error


class Threads:
    """At most *slots* threads of handlers at a time, abandoned ones included.

    *abandoned* is called with the number of threads that run on though nobody waits for
    them, each time that one is given up. When that number is *slots*, no plain handler can
    run here any more, and only a new process helps.
    """

    def __init__(self, slots: int, abandoned: Callable[[int], None] | None = None) -> None:
        self._limiter = anyio.CapacityLimiter(slots)
        self._abandoned: set[ThreadCall] = set()
        self._tell_abandoned = abandoned

    async def start(self, call: Callable[[], object]) -> ThreadCall:
        """Wait for a free thread and make *call* in it; comes back when it has begun.

        Raises:
            RuntimeError: the system has no thread left.
        """
        run = ThreadCall(call)
        await self._limiter.acquire_on_behalf_of(run)
        loop = asyncio.get_running_loop()

        def body() -> None:
            run.run()
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(self._ended, run)

        thread = threading.Thread(
            target=copy_context().run, args=(body,), name="handler", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:
            self._limiter.release_on_behalf_of(run)
            raise
        return run

    def abandon(self, run: ThreadCall) -> None:
        """Wait for it no longer; it keeps its thread until it ends by itself."""
        if run.done.is_set():
            return
        self._abandoned.add(run)
        if self._tell_abandoned is not None:
            self._tell_abandoned(len(self._abandoned))

    def _ended(self, run: ThreadCall) -> None:
        self._abandoned.discard(run)
        self._limiter.release_on_behalf_of(run)
        run.done.set()
