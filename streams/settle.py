"""Ending deliveries: what a run decided, recorded together with its acknowledgement."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import NamedTuple

from streams.job import Delivery
from streams.keys import Keys
from streams.scripts.loader import Row, load
from streams.server import Server

#: Outcomes in one call.
SETTLE_MAX = 100
#: What one call may cost, a completed job being one: about 1.6 ms of the server.
CALL_COST_MAX = 100
#: Of every other end: its entry is read, and moved or taken apart (measured: 22 to 47 us
#: against 16).
OTHER_COST = 3
#: Bytes that cost as much to copy as a completed job does.
COST_BYTES = 16 * 1024
#: A larger result belongs into an object store, with its name as the result.
RESULT_BYTES_MAX = 1024 * 1024

_SETTLE = load("settle")


class Verdict(StrEnum):
    """How a delivery ended; the values are the script's words."""

    COMPLETED = "completed"
    """With a result."""
    RETRY = "retry"
    """Failed, and is tried again later: costs an attempt."""
    PARKED = "parked"
    """Not tried, because this worker cannot run it: waits, costs nothing."""
    SNOOZED = "snoozed"
    """Put off by its handler: waits, costs no attempt, and is counted in its entry."""
    CRASHED = "crashed"
    """The process that ran it alone has died: waits, costs no attempt; dead the second time."""
    DEAD = "dead"
    """Failed for good."""
    RELEASED = "released"
    """Handed back unfinished (shutdown): deliverable at once, costs nothing."""
    CANCELLED = "cancelled"
    """Ended because somebody asked for it."""
    EXPIRED = "expired"
    """Not started, because its time was over: cancelled, with that cause."""


class Settled(Enum):
    """What the server says to an outcome; the values are the script's codes."""

    LOST = 0
    """The delivery was not this consumer's any more: nothing changed."""
    RECORDED = 1
    """Recorded now."""
    REPEATED = 2
    """Recorded by an earlier call of this consumer, whose answer was lost."""
    TWIN = 3
    """The record belongs to another entry with this id, whose end stands: only counted."""


class Outcome(NamedTuple):
    """What to record for a delivery.

    `detail` is the result as JSON (completed), the cause (dead), the reason (parked, snoozed),
    or how the process ended (crashed): `killed by SIGSEGV`.
    `attempt` is the row of the history as JSON.
    """

    delivery: Delivery
    verdict: Verdict
    detail: bytes | str = ""
    attempt: bytes = b""
    delay_ms: int = 0
    ran_ms: int = 0
    """How long its handler ran; for the statistics."""
    error: str = ""
    """What failed, in one line: for logs, not for the record."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long things are kept: the lease of a delivery and the records of ended jobs."""

    lease_ms: int
    ended_ttl_ms: int
    dead_ttl_ms: int


def first_call(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """As many of the first *outcomes* as one call may carry without holding the server up.

    At least one, if there is one.
    """
    batch: list[Outcome] = []
    cost = 0
    for outcome in outcomes:
        cost += _cost(outcome)
        if batch and (cost > CALL_COST_MAX or len(batch) == SETTLE_MAX):
            break
        batch.append(outcome)
    return batch


def _cost(outcome: Outcome) -> int:
    copied = len(outcome.detail) + len(outcome.attempt)
    if outcome.verdict is Verdict.COMPLETED:
        return 1 + copied // COST_BYTES
    return OTHER_COST + (copied + len(outcome.delivery.payload)) // COST_BYTES


async def settle(
    server: Server, keys: Keys, consumer: str, outcomes: Sequence[Outcome], retention: Retention
) -> list[Settled]:
    """Record at most `SETTLE_MAX` outcomes in one round trip; answers in their order.

    The same call twice records nothing twice, so it may be repeated when an answer is lost.

    Raises:
        ValueError: more than `SETTLE_MAX` outcomes.
    """
    if len(outcomes) > SETTLE_MAX:
        raise ValueError(f"one call takes {SETTLE_MAX} outcomes, got {len(outcomes)}")
    if not outcomes:
        return []
    codes = await server.run(
        _SETTLE,
        keys={
            **keys.streams,
            "delayed": keys.delayed,
            "dead": keys.dead,
            "cancel": keys.cancel,
            "events": keys.events,
            "watchers": keys.watchers,
            "counters": keys.counters,
            "stats": keys.stats,
            "wake": keys.wake,
        },
        args={
            "consumer": consumer,
            "lease_ms": retention.lease_ms,
            "ended_ttl_ms": retention.ended_ttl_ms,
            "dead_ttl_ms": retention.dead_ttl_ms,
        },
        rows=[_row(keys, outcome) for outcome in outcomes],
    )
    return [Settled(code) for code in codes]


def _row(keys: Keys, outcome: Outcome) -> Row:
    job, token = outcome.delivery, outcome.delivery.token
    return (
        (keys.job(job.id), keys.history(job.id), keys.body(job.id), keys.unique(job.unique)),
        (
            token.level,
            token.entry,
            token.deliveries,
            job.id,
            job.kind,
            job.unique,
            outcome.verdict.value,
            outcome.detail,
            outcome.attempt,
            outcome.delay_ms,
            outcome.ran_ms,
        ),
    )
