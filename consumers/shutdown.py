"""Ending a worker so that nothing is lost and nothing costs an attempt.

First signal: fetch no more, let what runs end within the grace period, hand the rest
back. Second signal: hand back at once. A handler that ignores its cancellation is left
behind with the process.
"""

import os
import signal
import sys
import threading
from typing import Self

import anyio

from consumers.inflight import Inflight, Stop
from consumers.logs import Logger

#: Of a long grace period, so much is kept for handing back; of a short one, half.
HAND_BACK_S = 5.0
#: After the grace period the process ends even if a handler does not.
LAST_WORD_S = 3.0
#: The exit status then (EX_SOFTWARE).
EXIT_STUCK = 70


async def watch_signals(stopping: anyio.Event, hurry: anyio.Event, log: Logger) -> None:
    """Set *stopping* at the first SIGTERM or SIGINT and *hurry* at the second."""
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for number in signals:
            log.info("signal_received", signal=signal.Signals(number).name)
            if stopping.is_set():
                hurry.set()
            stopping.set()


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
    handed_back = inflight.end_all(Stop.SHUTDOWN)
    with anyio.move_on_after(max(keep_s, 1.0)):
        await inflight.wait_until_empty()
    log.info("worker_drained", handed_back=handed_back, unsettled=len(inflight))


class LastWord:
    """Ends the process when a shutdown has taken longer than it may, whatever still runs.

    Started by the first signal; leaving the block means that it has ended well.
    """

    def __init__(self, grace_s: float, log: Logger) -> None:
        self._log = log
        self._timer = threading.Timer(grace_s + LAST_WORD_S, self._leave)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._timer.cancel()

    def start(self) -> None:
        """Let the time run."""
        self._timer.start()

    def _leave(self) -> None:
        self._log.error(
            "worker_stuck", hint="a handler ignores its cancellation, or the server does not answer"
        )
        sys.stdout.flush()
        os._exit(EXIT_STUCK)
