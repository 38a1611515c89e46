"""Handing jobs in."""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import NamedTuple

import orjson

from streams.durability import Reached
from streams.gate import Stop, stop_of
from streams.hurry import hurry
from streams.job import ATTEMPTS_DEFAULT, NewJob, tenant_of
from streams.keys import Keys
from streams.priority import LEVELS, Priority
from streams.scripts.loader import Row, load
from streams.server import Server

#: Jobs in one script call: more would hold the server for longer than two milliseconds.
BATCH_MAX = 100
#: Payload bytes in one script call, for the same reason.
BATCH_BYTES_MAX = 4 * 1024 * 1024

_ENQUEUE = load("enqueue")


class Acceptance(Enum):
    """What became of a job that was handed in; the values are the script's codes."""

    READY = 1
    """In its stream."""
    DELAYED = 2
    """Waiting for its time."""
    EXISTS = 3
    """A job with this id has a record: nothing was added."""
    UNIQUE_TAKEN = 4
    """Another live job holds the unique key: nothing was added."""
    FULL = 5
    """The queue holds as many jobs as it may: nothing was added."""
    CLOSED = 6
    """The queue drains and takes no new jobs: nothing was added."""

    @property
    def is_refusal(self) -> bool:
        """True where the job is not in the queue, and no other in its place."""
        return self is Acceptance.FULL or self is Acceptance.CLOSED


class Enqueued(NamedTuple):
    """The answer to one job: its id, or that of the job that was there before."""

    id: str
    acceptance: Acceptance
    length: int = 0
    """Jobs in a queue that was full."""
    was_due: bool = False
    """The moment that the job was to wait for had passed: it is ready at once."""
    raised: bool = False
    """The job that was there before waited at a lower level, and has this one's now."""
    resent: bool = False
    """The first answer was lost: what exists may have come with that call."""
    reached: Reached | None = None
    """How safe the job is, where more was asked than the server does for every write."""
    stop: Stop | None = None
    """Who closed the queue, where it drains."""

    @property
    def is_new(self) -> bool:
        """True where this call added a job."""
        return self.acceptance is Acceptance.READY or self.acceptance is Acceptance.DELAYED


async def enqueue(
    server: Server, keys: Keys, jobs: Sequence[NewJob], *, length_max: int = 0
) -> list[Enqueued]:
    """Hand in at most `BATCH_MAX` jobs in one round trip; answers in their order.

    The same call twice adds nothing twice: the id of a job is its idempotency key for as
    long as its record lives. *length_max* 0 means no limit.

    A job that was there before and waits at a lower level than the one that is handed in
    is moved up, in a second round trip: of a unique slot nobody knows before who holds it.

    Raises:
        ValueError: more than `BATCH_MAX` jobs.
    """
    if len(jobs) > BATCH_MAX:
        raise ValueError(f"one call takes {BATCH_MAX} jobs, got {len(jobs)}")
    if not jobs:
        return []
    told = await server.run(
        _ENQUEUE,
        keys={
            **keys.streams,
            "delayed": keys.delayed,
            "wake": keys.wake,
            "events": keys.events,
            "watchers": keys.watchers,
            "counters": keys.counters,
            "gate": keys.gate,
        },
        args={"length_max": length_max, "attempts_default": ATTEMPTS_DEFAULT},
        rows=[_row(keys, job) for job in jobs],
    )
    answers: list[Enqueued] = []
    outrun: dict[str, Priority] = {}
    for job, (code, text, *level) in zip(jobs, told, strict=True):
        answer = _enqueued(job, code, text)
        answers.append(answer)
        if not answer.is_new and _may_outrun(job, answer, *level):
            outrun[answer.id] = min(
                job.priority, outrun.get(answer.id, job.priority), key=LEVELS.index
            )
    return await _hurried(server, keys, answers, outrun) if outrun else answers


def _may_outrun(job: NewJob, answer: Enqueued, level: bytes = b"") -> bool:
    """True where the job that was there is less urgent than *job*, as far as is known."""
    if answer.acceptance.is_refusal:
        return False
    lowest = Priority(level.decode()) if level else Priority.LOW
    return job.priority.level < lowest.level


async def _hurried(
    server: Server, keys: Keys, answers: Sequence[Enqueued], outrun: Mapping[str, Priority]
) -> list[Enqueued]:
    moved = await hurry(server, keys, list(outrun.items()))
    raised = {job_id for job_id, was_moved in zip(outrun, moved, strict=True) if was_moved}
    return [
        answer._replace(raised=True) if not answer.is_new and answer.id in raised else answer
        for answer in answers
    ]


def _row(keys: Keys, job: NewJob) -> Row:
    return (
        (keys.job(job.id), keys.body(job.id), keys.unique(job.unique or "")),
        (job.id, job.priority.level, job.kind, job.payload, packed_options(job)),
    )


def packed_options(job: NewJob) -> bytes:
    """What is not as for most jobs, as JSON; empty where nothing is."""
    fields = {
        "attempts": job.attempts_max if job.attempts_max != ATTEMPTS_DEFAULT else None,
        "timeout_ms": job.timeout_ms,
        "unique": job.unique,
        "meta": job.meta_json().decode() or None,
        "traceparent": job.traceparent,
        "expires_ms": job.expires_ms,
        "backoff": job.backoff.to_json().decode() if job.backoff else None,
        "schema_version": job.schema_version if job.schema_version != 1 else None,
    }
    options: dict[str, object] = {
        "delay_ms": job.delay_ms,
        "due_ms": job.due_ms,
        "expires_in_ms": job.expires_in_ms,
        "unique": job.unique,
        "unique_ttl_ms": job.unique_ttl_ms,
        "attempts": fields["attempts"],
        "tenant": tenant_of(job.meta),
        "fields": [part for name, value in fields.items() if value for part in (name, str(value))],
    }
    said = {name: value for name, value in options.items() if value}
    return orjson.dumps({"fields": [], **said}) if said else b""


def _enqueued(job: NewJob, code: int, text: bytes) -> Enqueued:
    acceptance = Acceptance(code)
    if acceptance in {Acceptance.EXISTS, Acceptance.UNIQUE_TAKEN}:
        return Enqueued(text.decode(), acceptance)
    if acceptance is Acceptance.CLOSED:
        return Enqueued(job.id, acceptance, stop=stop_of(text))
    length = int(text) if acceptance is Acceptance.FULL else 0
    was_due = acceptance is Acceptance.READY and job.due_ms > 0
    return Enqueued(job.id, acceptance, length, was_due)
