"""The answer to "why is this job not done?"."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import orjson
from pydantic import JsonValue

from streams.why.facts import JobFacts


class Reason(StrEnum):
    """Why a job is where it is: one word, for programs."""

    NEXT = "next"
    """Nothing stands before it."""
    BEHIND_OTHERS = "behind_others"
    """Older or more urgent jobs come first."""
    WORKERS_BUSY = "workers_busy"
    """Every place of every worker is taken."""
    WORKERS_TROUBLED = "workers_troubled"
    """Workers live, and each of them says what keeps it from taking jobs."""
    PAUSED = "paused"
    """Somebody paused its level of the queue."""
    NO_WORKER = "no_worker"
    """No worker consumes its queue."""
    KIND_UNKNOWN = "kind_unknown"
    """Workers live, and none has a handler for its kind."""
    HANDED_BACK = "handed_back"
    """A worker that shut down gave it back."""
    SUSPECT = "suspect"
    """Consumers were lost with it, so that it must run alone."""
    DELAYED = "delayed"
    """It was asked to wait."""
    RETRYING = "retrying"
    """It failed, and is tried again later."""
    PARKED = "parked"
    """It was put back without having been tried."""
    SNOOZED = "snoozed"
    """Its handler put it off."""
    OVERDUE = "overdue"
    """Its time has come, and nobody has moved it into its stream."""
    RUNNING = "running"
    """A consumer has it."""
    CANCELLING = "cancelling"
    """A consumer has it, and was asked to end it."""
    LAPSED = "lapsed"
    """A consumer has it, and was silent for longer than its lease."""
    BODY_LOST = "body_lost"
    """Its entry or its body was deleted by somebody else."""
    NOWHERE = "nowhere"
    """It has a record, and is in no place where a worker would find it."""
    SERVER_REFUSES = "server_refuses"
    """The server does not take writes."""
    COMPLETED = "completed"
    """It is done."""
    CANCELLED = "cancelled"
    """Somebody did not want it any more."""
    EXPIRED = "expired"
    """Nobody had started it in time."""
    DEAD = "dead"
    """It ended without success."""
    UNKNOWN = "unknown"
    """There is no trace of it."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """One answer: where the job is, why, what happens next and what may be done.

    Numbers in `facts` carry their unit: `_ms` is a span, `_at_ms` a moment in Unix time.
    """

    id: str
    queue: str
    state: str
    reason: Reason
    sentence: str
    next: str
    advice: str = ""
    expected_at_ms: int | None = None
    """When the next thing happens, where that is known."""
    facts: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])

    def to_json(self) -> bytes:
        """One JSON object."""
        return orjson.dumps(self, option=orjson.OPT_INDENT_2)


def told(
    facts: JobFacts,
    state: str,
    reason: Reason,
    sentence: str,
    then: str,
    *,
    advice: str = "",
    expected_at_ms: int | None = None,
    more: Mapping[str, JsonValue] | None = None,
) -> Explanation:
    """An explanation of *facts*, with what is worth knowing of every job."""
    known: dict[str, JsonValue] = dict(more or {})
    if facts.is_known:
        known = _of_every_job(facts) | known
    if facts.server.is_full:
        known["server"] = "its memory is full: new jobs are refused, accepted ones go on"
    shown = {name: value for name, value in known.items() if value not in ("", None)}
    return Explanation(
        id=facts.id,
        queue=facts.queue,
        state=state,
        reason=reason,
        sentence=sentence,
        next=then,
        advice=advice,
        expected_at_ms=expected_at_ms,
        facts=shown,
    )


def _of_every_job(facts: JobFacts) -> dict[str, JsonValue]:
    held_by_another = facts.unique and facts.unique_holder not in {"", facts.id}
    return {
        "kind": facts.kind,
        "priority": facts.priority.value,
        "enqueued_at_ms": facts.enqueued_ms,
        "attempt": facts.attempt,
        "attempts_max": facts.attempts_max,
        "losses": facts.losses,
        "solo_losses": facts.solo,
        "released": facts.released,
        "replays": facts.replays,
        "entry": facts.entry,
        "unique": facts.unique,
        "unique_held_by": facts.unique_holder if held_by_another else "",
    }


def last_error(facts: JobFacts) -> str:
    """How its last attempt ended, in a few words; empty where none has."""
    row = facts.last_attempt
    if row.get("error"):
        message = " ".join(str(row.get("message", "")).split())
        return f"{row['error']}: {message}"[:300]
    match row.get("outcome"):
        case "lost":
            return f"its consumer {row.get('consumer', '')} was lost".replace("  ", " ")
        case "crashed":
            return "the process that ran it died"
        case _:
            return ""
