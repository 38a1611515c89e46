"""Ending a worker so that nothing is lost and nothing costs an attempt.

First signal: fetch no more, let what runs end within the grace period, hand the rest
back. Second signal: hand back at once. A handler that ignores its cancellation is left
behind with the process.

Signals are seen by a thread: a handler that blocks the event loop keeps neither the end
of the grace period from coming nor the log from saying so.
"""

import asyncio
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, nullcontext, suppress
from types import FrameType

import anyio

from consumers.failpoints import failpoint
from consumers.inflight import Inflight, Stop
from consumers.lastwill import LastWill
from consumers.logs import Logger

#: Of a long grace period, so much is kept for handing back; of a short one, half.
HAND_BACK_S = 5.0
#: After the grace period the process ends even if a handler does not.
LAST_WORD_S = 3.0
#: The exit status then (EX_SOFTWARE).
EXIT_STUCK = 70

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Shutdown:
    """The wish that a worker ends, whoever has it: a signal, a supervisor that is gone.

    *stopping* is set by the first wish and *hurry* by the second. From the first on the
    process has the grace period and a little more to end well, and is ended then.
    """

    def __init__(self, grace_s: float, last_will: LastWill, log: Logger) -> None:
        self.stopping = anyio.Event()
        self.hurry = anyio.Event()
        self._starting: anyio.CancelScope | None = None
        self._last_will = last_will
        self._log = log
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer = threading.Timer(grace_s + LAST_WORD_S, self._leave)
        self._timer.daemon = True
        self._lock = threading.Lock()
        self._is_wished = False
        #: True where the end is the worker's own fault.
        self.is_broken = False

    def wish(self) -> None:
        """End; called in the event loop."""
        self._is_wished = True
        self._start_timer()
        if self.stopping.is_set():
            self.hurry.set()
        self.stopping.set()
        if self._starting is not None:
            self._starting.cancel()

    def wish_once(self) -> bool:
        """End, called from any thread; False where that is under way already."""
        with self._lock:
            is_first, self._is_wished = not self._is_wished, True
        if is_first:
            self.wish_from_thread()
        return is_first

    def broken(self) -> None:
        """End, because the worker cannot go on; called from any thread."""
        self.is_broken = True
        self.wish_once()

    def wish_from_thread(self) -> None:
        """End; called from any thread."""
        with self._lock:
            self._is_wished = True
        # Here and not in the loop: a handler may be blocking it.
        self._start_timer()
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(self.wish)

    @contextmanager
    def given_up_at_once(self) -> Generator[None]:
        """The block is cancelled by a wish: nothing is in hand yet."""
        with anyio.CancelScope() as self._starting:
            yield
        self._starting = None

    def has_ended_well(self) -> None:
        """Nothing is in hand any more: the process need not be ended by force."""
        self._timer.cancel()

    @contextmanager
    def heeded(self, *, by_signals: bool) -> Generator[None]:
        """Heed wishes while the block lasts, and SIGTERM and SIGINT if *by_signals*."""
        self._loop = asyncio.get_running_loop()
        try:
            with signals_seen(self.signalled) if by_signals else nullcontext():
                yield
        finally:
            self._loop = None
            self._timer.cancel()

    def signalled(self, number: signal.Signals) -> None:
        """End, because a signal has come; called from any thread."""
        self._log.info("signal_received", signal=number.name)
        self.wish_from_thread()

    def _start_timer(self) -> None:
        with self._lock, suppress(RuntimeError):  # it runs already
            self._timer.start()

    def _leave(self) -> None:
        self._log.error(
            "worker_stuck",
            hint="a handler blocks the worker or ignores its cancellation, or the server does "
            "not answer",
        )
        try:
            self._last_will.carry_out()
        finally:
            sys.stdout.flush()
            os._exit(EXIT_STUCK)


async def wind_down(inflight: Inflight, hurry: anyio.Event, grace_s: float, log: Logger) -> None:
    """Wait for handlers within the grace period, then hand back what still runs.

    Returns when every outcome is recorded, or when the rest of the period has passed.
    """
    keep_s = min(HAND_BACK_S, grace_s / 2)
    log.info("worker_shutdown_started", running=inflight.running, grace_s=grace_s)
    with anyio.move_on_after(grace_s - keep_s):
        async with anyio.create_task_group() as waiting:

            async def until_hurry() -> None:
                await hurry.wait()
                waiting.cancel_scope.cancel()

            waiting.start_soon(until_hurry)
            await inflight.wait_until_no_handler_runs()
            waiting.cancel_scope.cancel()
    failpoint("before_release")
    handed_back = inflight.end_all(Stop.SHUTDOWN)
    with anyio.move_on_after(max(keep_s, 1.0)):
        await inflight.wait_until_empty()
    log.info("worker_drained", handed_back=handed_back, unsettled=len(inflight))


def leave_at_once_on_signals() -> None:
    """End well at SIGTERM and SIGINT, until `Shutdown.heeded`: there is nothing to hand back."""
    for number in _SIGNALS:
        signal.signal(number, _leave_at_once)


def _leave_at_once(_number: int, _frame: FrameType | None) -> None:
    os._exit(0)


def _wait_for_the_thread(_number: int, _frame: FrameType | None) -> None:
    """Python's own half of a signal: the other has woken the thread that heeds it."""


@contextmanager
def signals_seen(seen: Callable[[signal.Signals], None]) -> Generator[None]:
    """Call *seen* in a thread for each SIGTERM and SIGINT, even while the main thread is busy.

    Python's own handlers run in the main thread, between two of its instructions. The
    byte that tells of a signal is written at once, by the C handler.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # a worker inside of another program, which has the signals
        return
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    before = {number: signal.signal(number, _wait_for_the_thread) for number in _SIGNALS}
    wakeup_before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    thread = threading.Thread(target=_watch, args=(reader, seen), name="signals", daemon=True)
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(wakeup_before)
        for number, handler in before.items():
            signal.signal(number, handler)
        writer.close()
        thread.join()
        reader.close()


def _watch(reader: socket.socket, seen: Callable[[signal.Signals], None]) -> None:
    while numbers := reader.recv(64):
        for number in numbers:
            if number in _SIGNALS:
                seen(signal.Signals(number))
