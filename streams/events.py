"""What becomes of jobs, as it happens.

Events are written only while somebody watches, and only those of the jobs that are watched.
They are news and no record: each may be missed, and `glance` tells where a job is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from redis.asyncio import Redis

from streams.job import Delivery, tenant_of
from streams.jobs import Progress, progress_of
from streams.keys import Keys
from streams.scripts.loader import load
from streams.server import Server
from streams.state import State

#: About so many events are kept for those who read them late.
EVENTS_MAX = 10_000
#: Ids in one call.
WATCH_MAX, GLANCE_MAX = 500, 100
#: Events in one answer.
READ_MAX = 500
#: A watch that is not renewed ends after this time, and what is left of the events later.
WATCH_TTL_MS, EVENTS_TTL_MS = 15_000, 120_000
#: The id that stands for all jobs: no job has it.
ALL_JOBS = ""

_WATCH = load("watch")
_GLANCE = load("glance")
_STARTED = load("started")


class Happening(StrEnum):
    """What an event tells."""

    SEEN = "seen"
    """Where the job is when it is looked at: first, and after events were missed."""
    ENQUEUED = "enqueued"
    PROMOTED = "promoted"
    """Its time has come."""
    STARTED = "started"
    PROGRESS = "progress"
    COMPLETED = "completed"
    RETRIED = "retried"
    """It failed, and is tried again at `due_ms`."""
    PARKED = "parked"
    """A worker could not run it."""
    SNOOZED = "snoozed"
    """Its handler has put it off."""
    CRASHED = "crashed"
    """The process that ran it alone has died."""
    RELEASED = "released"
    """Handed back unfinished."""
    LOST = "lost"
    """Its consumer was lost."""
    CANCEL_ASKED = "cancel_asked"
    """Its consumer is asked to end it."""
    CANCELLED = "cancelled"
    DEAD = "dead"
    REPLAYED = "replayed"
    """It runs again after its death."""
    REPRIORITISED = "reprioritised"
    """It waits at another level."""
    REMOVED = "removed"
    """Somebody has taken it away, with its record: nothing can be asked of it any more."""
    OTHER = "other"
    """Something that only a newer version has a name for."""


class Place(NamedTuple):
    """The id of an entry, to be compared: events have passed up to here."""

    ms: int
    number: int

    @classmethod
    def of(cls, entry: bytes) -> "Place":
        """As Redis writes it."""
        ms, _, number = entry.partition(b"-")
        return cls(int(ms), int(number))

    def __str__(self) -> str:
        """As Redis reads it."""
        return f"{self.ms}-{self.number}"


@dataclass(frozen=True, slots=True)
class JobEvent:
    """One thing that has happened to one job, and where the job is by it."""

    id: str
    happening: Happening
    state: State
    kind: str
    attempt: int
    at_ms: int
    """When, on the server's clock in Unix milliseconds."""
    tenant: str = ""
    """The `tenant_id` of its `meta`."""
    cause: str = ""
    """Why it died; `expired`, where its time was over before it began."""
    due_ms: int | None = None
    """Until when it waits, if it waits for its time."""
    progress: Progress | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """What was before is not known: at the first, and wherever events were missed."""


class Told(NamedTuple):
    """An event, and its place among all."""

    place: Place
    event: JobEvent


class Glance(NamedTuple):
    """Where jobs are; events up to `place` are told by it. None: there is no record."""

    place: Place
    seen: list[JobEvent | None]


async def watch(server: Server, keys: Keys, ids: Sequence[str]) -> tuple[Place, int]:
    """Have the events of *ids* written for `WATCH_TTL_MS` from now on.

    Returns the place after which they come, and how many of *ids* nobody had watched: where
    they were to be watched already, events were missed.

    Raises:
        ValueError: more than `WATCH_MAX` ids.
    """
    if len(ids) > WATCH_MAX:
        raise ValueError(f"one call takes {WATCH_MAX} ids, got {len(ids)}")
    last, added = await server.run(
        _WATCH,
        keys={"events": keys.events, "watchers": keys.watchers},
        args={"ttl_ms": WATCH_TTL_MS, "events_ttl_ms": EVENTS_TTL_MS},
        rows=[((), (each,)) for each in ids],
    )
    return Place.of(last), added


async def glance(server: Server, keys: Keys, ids: Sequence[str]) -> Glance:
    """Where at most `GLANCE_MAX` jobs are, in one round trip and in their order.

    Raises:
        ValueError: more than `GLANCE_MAX` ids.
    """
    if len(ids) > GLANCE_MAX:
        raise ValueError(f"one call takes {GLANCE_MAX} ids, got {len(ids)}")
    last, now_ms, rows = await server.run(
        _GLANCE,
        keys={**keys.streams, "events": keys.events},
        args={},
        rows=[((keys.job(each),), ()) for each in ids],
    )
    place = Place.of(last)
    return Glance(place, [_seen(id_, now_ms, row) for id_, row in zip(ids, rows, strict=True)])


async def read_events(client: Redis, keys: Keys, after: Place, *, block_ms: int) -> list[Told]:
    """Wait for events and return up to `READ_MAX`; none after *block_ms*."""
    reply: Any = await client.xread({keys.events: str(after)}, count=READ_MAX, block=block_ms)
    if not reply:
        return []
    [(_, entries)] = reply
    return [_told(Place.of(entry), fields) for entry, fields in entries]


async def has_entry(client: Redis, keys: Keys, place: Place) -> bool:
    """True where the event of *place* is still there, and so every later one too."""
    return bool(await client.xrange(keys.events, str(place), str(place)))


async def tell_started(server: Server, keys: Keys, deliveries: Sequence[Delivery]) -> None:
    """Tell those who watch that *deliveries* have been taken."""
    await server.run(
        _STARTED,
        keys={"events": keys.events, "watchers": keys.watchers},
        args={},
        rows=[
            ((), (each.id, each.kind, each.attempt, tenant_of(each.meta))) for each in deliveries
        ],
    )


def _told(place: Place, fields: Mapping[bytes, bytes]) -> Told:
    def text(name: bytes) -> str:
        return fields.get(name, b"").decode(errors="replace")

    happening = text(b"event")
    event = JobEvent(
        id=text(b"id"),
        happening=Happening(happening) if happening in _NAMES else Happening.OTHER,
        state=State(text(b"state")),
        kind=text(b"kind"),
        attempt=int(fields[b"attempt"]),
        at_ms=place.ms,
        tenant=text(b"tenant"),
        cause=text(b"cause"),
        due_ms=int(fields[b"due_ms"]) if b"due_ms" in fields else None,
        progress=progress_of(fields.get(b"progress"), place.ms),
    )
    return Told(place, event)


_NAMES = frozenset(each.value for each in Happening)


def _seen(job_id: str, now_ms: int, row: Sequence[bytes | None]) -> JobEvent | None:
    state, kind, attempt, tenant, cause, due_ms, progress, progress_ms = row
    if state is None:
        return None
    where = State(state.decode())
    return JobEvent(
        id=job_id,
        happening=Happening.SEEN,
        state=where,
        kind=(kind or b"").decode(errors="replace"),
        attempt=int(attempt or 1),
        at_ms=now_ms,
        tenant=(tenant or b"").decode(errors="replace"),
        cause=(cause or b"").decode(errors="replace") if where.is_end else "",
        due_ms=int(due_ms) if due_ms and where is State.DELAYED else None,
        progress=progress_of(progress, int(progress_ms or 0)),
    )
