"""How a run ended, on its way from a child process to its worker."""

import os
from datetime import timedelta
from typing import Literal

from consumers.attempt import Failure
from consumers.children.frames import Ended, Failed, FrameError, Result
from consumers.children.words import EXIT_MEMORY
from consumers.ending import Ending, Interrupted, Invalid, Raised, Returned, TimedOut
from consumers.errors import (
    RETRY_AFTER_MAX,
    ConsumerError,
    PermanentError,
    RetryableError,
    Snooze,
)
from consumers.redaction import redacted

#: The class of an error may have any name; a record is a line.
ERROR_CHARS_MAX = 200
#: Whoever wants to wait for longer gets this.
RETRY_AFTER_MAX_MS = round(RETRY_AFTER_MAX.total_seconds() * 1000)


class ChildFailedError(ConsumerError):
    """Stands in the worker for what a handler raised in a child: its class stayed there."""


def frame_of(run: int, ending: Ending) -> tuple[Result | Failed | Ended, bytes]:
    """What a child says of its *run*, and the body that goes with it.

    A handler that had no memory left ends its child: what else was lost is unknown.
    """
    match ending:
        case Returned(result):
            return Result(run=run), result
        case TimedOut():
            return Ended(run=run, why="timeout"), b""
        case Interrupted():
            return Ended(run=run, why="interrupted"), b""
        case Invalid(failure):
            return _failed(run, failure, None), b""
        case Raised(failure, error):
            if isinstance(error, MemoryError):
                leave_for_memory()
            return _failed(run, failure, error), b""
        case _:
            raise AssertionError(f"a child process has no children: {ending}")


def ending_of(frame: Result | Failed | Ended, body: bytes) -> Ending:
    """What a worker makes of it.

    Nothing is raised again by the name of its class: of the natures that matter each
    has one class here.
    """
    match frame:
        case Result():
            return Returned(body)
        case Ended(why=why):
            return TimedOut() if why == "timeout" else Interrupted()
        case Failed(nature="invalid"):
            return Invalid(_failure_of(frame))
        case Failed():
            return Raised(_failure_of(frame), _error_of(frame))
        case _:
            raise FrameError(f"this is no ending: {frame!r:.200}")


def leave_for_memory() -> None:
    """End this process: it has no memory left, and says so by its exit status."""
    os._exit(EXIT_MEMORY)


def _failed(run: int, failure: Failure, error: BaseException | None) -> Failed:
    return Failed(
        run=run,
        nature="invalid" if error is None else _nature_of(error),
        error=redacted(failure.error)[:ERROR_CHARS_MAX],
        message=failure.message,
        traceback=failure.traceback,
        retry_after_ms=_retry_after_ms(error),
    )


def _nature_of(error: BaseException) -> Literal["permanent", "retryable", "snooze", "error"]:
    if isinstance(error, PermanentError):
        return "permanent"
    if isinstance(error, Snooze):
        return "snooze"
    return "retryable" if isinstance(error, RetryableError) else "error"


def _retry_after_ms(error: BaseException | None) -> int | None:
    if isinstance(error, Snooze):
        return round(error.delay.total_seconds() * 1000)
    if not isinstance(error, RetryableError) or error.retry_after is None:
        return None
    return max(0, min(round(error.retry_after.total_seconds() * 1000), RETRY_AFTER_MAX_MS))


def _failure_of(frame: Failed) -> Failure:
    return Failure(frame.error, redacted(frame.message), redacted(frame.traceback))


def _error_of(frame: Failed) -> Exception:
    if frame.nature == "permanent":
        return PermanentError(frame.message)
    if frame.nature == "snooze":
        return Snooze(timedelta(milliseconds=frame.retry_after_ms or 0), frame.message)
    if frame.nature == "retryable":
        after_ms = frame.retry_after_ms
        after = None if after_ms is None else timedelta(milliseconds=after_ms)
        return RetryableError(frame.message, retry_after=after)
    return ChildFailedError(f"{frame.error}: {frame.message}")
