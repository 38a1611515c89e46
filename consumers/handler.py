"""What a handler is given and what it may return.

A handler is an `async def`, which runs in the worker's event loop, or a plain `def`, which
runs in a thread. Either may be bound to a child process (`Runs.CHILD`), which can be
killed. `docs/handlers.md` says what each survives.
"""

import math
import time
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol, TypeVar

from pydantic import JsonValue

from consumers.logline import EVENT_CHARS_MAX, Scalar, bounded_fields
from consumers.redaction import redacted
from producers.payloads.base import Payload
from streams.cache import Order

PayloadT_contra = TypeVar("PayloadT_contra", bound=Payload, contravariant=True)

#: A longer message of a handler's progress is cut: it is one line on a page.
PROGRESS_CHARS_MAX = 200


class StoppedError(BaseException):
    """Raised by `Context.check` in a plain handler that is to stop.

    Like a cancellation it is no `Exception`, so that a handler which catches those does not
    go on by mistake.
    """


class Link(Protocol):
    """How a run reaches its worker: from its event loop, a thread, or a child process."""

    @property
    def cancelled(self) -> bool:
        """The handler is to stop."""
        ...

    async def progress(self, fraction: float, message: str) -> None:
        """Publish, and come back when that is done."""
        ...

    def report(self, fraction: float, message: str) -> None:
        """Publish soon; may be called from any thread."""
        ...

    def log(self, event: str, fields: Mapping[str, Scalar]) -> None:
        """Write a line into the worker's log; may be called from any thread."""
        ...


class Unlinked:
    """The link of a context that no worker made: nobody listens, nobody cancels."""

    cancelled = False

    async def progress(self, fraction: float, message: str) -> None:
        """Do nothing."""

    def report(self, fraction: float, message: str) -> None:
        """Do nothing."""

    def log(self, event: str, fields: Mapping[str, Scalar]) -> None:
        """Do nothing."""


@dataclass(slots=True)
class Context:
    """One delivery, as its handler sees it: to be read, not to be changed.

    `job_id` stays the same over every attempt: it is the idempotency key for effects
    outside Redis. `fence` grows with every delivery of the job: a store that keeps the
    highest fence it has seen can refuse a write that comes from an older delivery.
    """

    job_id: str
    kind: str
    queue: str
    attempt: int
    attempts_max: int
    fence: int
    enqueued_ms: int
    meta: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    deadline_s: float = field(default=math.inf, compare=False)
    """When this attempt has to be over, on `time.monotonic`."""
    link: Link = field(default_factory=Unlinked, repr=False, compare=False)

    @property
    def order(self) -> Order:
        """Which of two results is the newer, for `Cache.put_newest`.

        That of the job which was born later, and of one job that of the later delivery.
        """
        return Order(self.enqueued_ms, self.fence)

    @property
    def remaining(self) -> timedelta:
        """What is left of the attempt's time; zero when it is over."""
        if math.isinf(self.deadline_s):
            return timedelta.max
        return timedelta(seconds=max(0.0, self.deadline_s - time.monotonic()))

    @property
    def cancelled(self) -> bool:
        """True when a plain handler is to stop: its time is over, or nobody wants it.

        An `async def` need not look: it is cancelled where it awaits.
        """
        return self.link.cancelled or time.monotonic() >= self.deadline_s

    def check(self) -> None:
        """Leave a plain handler that is to stop; call it wherever it is safe to leave.

        Raises:
            StoppedError: `cancelled` is true.
        """
        if self.cancelled:
            raise StoppedError

    async def progress(self, fraction: float, message: str = "") -> None:
        """Publish how far an `async def` handler is, 0 to 1, in one round trip.

        A handler whose job belongs to another worker by now is cancelled here. A server
        that does not answer is no failure of the handler: that progress is not seen.
        """
        await self.link.progress(_clamped(fraction), redacted(message)[:PROGRESS_CHARS_MAX])

    def report(self, fraction: float, message: str = "") -> None:
        """Publish how far a plain handler is, 0 to 1, without waiting.

        Of many reports in a short time only the newest is published.
        """
        self.link.report(_clamped(fraction), redacted(message)[:PROGRESS_CHARS_MAX])

    def log(self, event: str, fields: Mapping[str, object] | None = None) -> None:
        """Write a line into the worker's log, from wherever the handler runs.

        The line names worker, queue, job and kind by itself. What is too much is cut or left
        out: see `consumers.logline`.
        """
        self.link.log(event[:EVENT_CHARS_MAX], bounded_fields(fields or {}))


def _clamped(fraction: float) -> float:
    """From 0 to 1; what is no number is no progress."""
    return 0.0 if math.isnan(fraction) else min(1.0, max(0.0, fraction))


class Handler(Protocol[PayloadT_contra]):
    """Does the work of one kind; its result is stored as JSON in the job's record.

    It may run twice for one job: its worker can die after the effect and before the
    record. Whatever it raises ends the attempt (see `consumers.errors`).
    """

    def __call__(self, payload: PayloadT_contra, context: Context, /) -> Awaitable[JsonValue]:
        """Run one job."""
        ...


class PlainHandler(Protocol[PayloadT_contra]):
    """A handler without `await`: runs in a thread, or in a child process.

    A thread cannot be ended from outside. It has to look at `context.cancelled`, or call
    `context.check`, as often as it is to end soon.
    """

    def __call__(self, payload: PayloadT_contra, context: Context, /) -> JsonValue:
        """Run one job."""
        ...
