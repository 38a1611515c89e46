"""What a handler is given and what it may return."""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from pydantic import JsonValue

from producers.payloads.base import Payload

PayloadT_contra = TypeVar("PayloadT_contra", bound=Payload, contravariant=True)


@dataclass(frozen=True, slots=True)
class Context:
    """One delivery, as its handler sees it.

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


class Handler(Protocol[PayloadT_contra]):
    """Does the work of one kind; its result is stored as JSON in the job's record.

    It may run twice for one job: its worker can die after the effect and before the
    record. Whatever it raises ends the attempt (see `consumers.errors`).
    """

    def __call__(self, payload: PayloadT_contra, context: Context, /) -> Awaitable[JsonValue]:
        """Run one job."""
        ...
