"""Schedules as Redis holds them: what they ask for, and how far each has come.

What a definition says is the business of `producers.schedule`; here it is bytes. Each
schedule remembers the last tick that it was fired for, and moves on in the script that
enqueues the job of the next one: so any number of schedulers may try.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from streams.enqueue import packed_options
from streams.errors import (
    InvalidJobError,
    ScheduleExistsError,
    TooManySchedulesError,
    UnknownScheduleError,
)
from streams.gate import stop_of
from streams.job import ATTEMPTS_DEFAULT, NewJob
from streams.keys import Keys
from streams.scripts.loader import load
from streams.server import Server

#: All of them are read every few seconds by every scheduler.
SCHEDULES_MAX = 500
#: For the same reason: with its payload and all that it says.
DEFINITION_BYTES_MAX = 32 * 1024
#: Schedules read in one call: at most three megabytes.
WINDOW = 100

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\Z")

_SCHEDULE = load("schedule")
_SUSPEND = load("suspend")
_UNSCHEDULE = load("unschedule")
_TIMETABLE = load("timetable")
_TICK = load("tick")
_EXISTS, _FULL = 0, 2
_UNKNOWN, _DONE = 0, 1


@dataclass(frozen=True, slots=True)
class StoredSchedule:
    """A schedule at one moment."""

    name: str
    definition: bytes
    version: int
    """Another one after each change of the schedule, and never the same again."""
    last_ms: int
    """The last tick that it was fired for, or the moment from which on it counts."""
    paused: bool
    job: str
    """The id of the last job that it has asked for; empty before the first."""
    fired: int
    skipped: int
    """Ticks that were left out: a job before them had not ended, or the queue drained."""


@dataclass(frozen=True, slots=True)
class Timetable:
    """All schedules of a queue, by name, at one moment of the server's clock."""

    now_ms: int
    schedules: tuple[StoredSchedule, ...]


class Ticked(Enum):
    """What became of one tick; the values are the script's codes."""

    OLD_PLAN = 0
    """The schedule has changed or moved since it was read: nothing happened."""
    READY = 1
    """Its job is in its stream."""
    EXISTS = 2
    """A job with its id has a record; the schedule has moved on."""
    OVERLAP = 3
    """Left out: the last job of the schedule has not ended."""
    TAKEN = 4
    """Left out: another job holds the unique key."""
    CLOSED = 5
    """Left out: the queue drains."""


async def put_schedule(
    server: Server,
    keys: Keys,
    name: str,
    definition: bytes,
    *,
    times: str,
    paused: bool = False,
    replace: bool = False,
) -> int:
    """Keep a schedule; returns its version.

    *times* tells when it comes, in any words: where they differ from those before, or it was
    paused before, it begins now, and owes nothing of the time before.

    Raises:
        InvalidJobError: the name or the size of the definition.
        ScheduleExistsError: it is there, and *replace* is False.
        TooManySchedulesError: there are `SCHEDULES_MAX` already.
    """
    require_name(name)
    require_definition(definition)
    code, number = await server.run(
        _SCHEDULE,
        keys={
            "schedules": keys.schedules,
            "schedule": keys.schedule(name),
            "counters": keys.counters,
        },
        args={
            "name": name,
            "definition": definition,
            "times": times,
            "paused": int(paused),
            "replace": int(replace),
            "schedules_max": SCHEDULES_MAX,
        },
    )
    if code == _EXISTS:
        raise ScheduleExistsError(keys.queue, name)
    if code == _FULL:
        raise TooManySchedulesError(keys.queue, number)
    return int(number)


async def suspend(server: Server, keys: Keys, name: str, *, paused: bool) -> bool:
    """Pause a schedule or let it go on from now; False where it was so before.

    Raises:
        UnknownScheduleError: there is none of this name.
        InvalidJobError: no schedule can have this name.
    """
    require_name(name)
    code = await server.run(
        _SUSPEND,
        keys={"schedule": keys.schedule(name), "counters": keys.counters},
        args={"paused": int(paused)},
    )
    if code == _UNKNOWN:
        raise UnknownScheduleError(keys.queue, name)
    return bool(code == _DONE)


async def unschedule(server: Server, keys: Keys, name: str) -> None:
    """Remove a schedule; the jobs that it has asked for stay.

    Raises:
        UnknownScheduleError: there is none of this name.
        InvalidJobError: no schedule can have this name.
    """
    require_name(name)
    code = await server.run(
        _UNSCHEDULE,
        keys={"schedules": keys.schedules, "schedule": keys.schedule(name)},
        args={"name": name},
    )
    if code == _UNKNOWN:
        raise UnknownScheduleError(keys.queue, name)


async def read_timetable(
    server: Server, keys: Keys, names: Sequence[str] | None = None
) -> Timetable:
    """All schedules, or those of *names* that are there (a round trip, and one per hundred)."""
    if names is None:
        client: Any = server.client
        members: set[bytes] = await client.smembers(keys.schedules)
        names = sorted(member.decode() for member in members)
    now_ms, found = 0, list[StoredSchedule]()
    # One call at least: it tells the time where there are none.
    for start in range(0, max(1, len(names)), WINDOW):
        window = names[start : start + WINDOW]
        now_ms, rows = await server.run(
            _TIMETABLE, keys={}, args={}, rows=[((keys.schedule(name),), ()) for name in window]
        )
        found += [
            _stored(name, row) for name, row in zip(window, rows, strict=True) if row[1] is not None
        ]
    return Timetable(now_ms, tuple(found))


async def read_schedule(server: Server, keys: Keys, name: str) -> tuple[StoredSchedule, int]:
    """One schedule, and the moment at which it was so.

    Raises:
        UnknownScheduleError: there is none of this name.
        InvalidJobError: no schedule can have this name.
    """
    require_name(name)
    timetable = await read_timetable(server, keys, [name])
    if not timetable.schedules:
        raise UnknownScheduleError(keys.queue, name)
    return timetable.schedules[0], timetable.now_ms


async def fire(
    server: Server,
    keys: Keys,
    seen: StoredSchedule,
    job: NewJob,
    *,
    tick_ms: int,
    overlap: bool,
) -> tuple[Ticked, str]:
    """Enqueue the job of a tick, and move the schedule on, if it is still as it was *seen*.

    With *tick_ms* of its last tick it is a job beside the ticks. *overlap* False leaves it out
    while the last job has not ended. The text is the entry, or the id of the job that is there
    instead, or says who drains the queue, when and why.
    """
    code, text = await server.run(
        _TICK,
        keys={
            **keys.streams,
            "events": keys.events,
            "watchers": keys.watchers,
            "counters": keys.counters,
            "gate": keys.gate,
            "schedule": keys.schedule(seen.name),
            "last_job": keys.job(seen.job),
            "job": keys.job(job.id),
            "unique_key": keys.unique(job.unique or ""),
        },
        args={
            "version": seen.version,
            "last_ms": seen.last_ms,
            "last_id": seen.job,
            "tick_ms": tick_ms,
            "overlap": int(overlap),
            "attempts_default": ATTEMPTS_DEFAULT,
            "id": job.id,
            "level": job.priority.level,
            "kind": job.kind,
            "payload": job.payload,
            "options": packed_options(job),
        },
    )
    ticked = Ticked(code)
    return ticked, str(stop_of(text)) if ticked is Ticked.CLOSED else text.decode()


def require_name(name: str) -> None:
    """Refuse a name that would not be safe in a key, in a job's id or on a terminal.

    Raises:
        InvalidJobError: not a letter or digit with up to 63 letters, digits, `_`, `.`, `-`.
    """
    if not _NAME.match(name):
        raise InvalidJobError(
            "a schedule's name has 1 to 64 characters: a letter or digit first, then letters, "
            f"digits, _, . and -; got {name!r:.80}"
        )


def require_definition(definition: bytes) -> None:
    """Refuse a definition that is too large.

    Raises:
        InvalidJobError: more than `DEFINITION_BYTES_MAX`.
    """
    if len(definition) > DEFINITION_BYTES_MAX:
        raise InvalidJobError(
            f"a schedule may have {DEFINITION_BYTES_MAX} bytes with its payload, got "
            f"{len(definition)}: put the data into an object store and its name into the payload"
        )


def _stored(name: str, row: Sequence[bytes | None]) -> StoredSchedule:
    definition, version, last_ms, paused, job, fired, skipped = row
    return StoredSchedule(
        name=name,
        definition=definition or b"",
        version=int(version or 0),
        last_ms=int(last_ms or 0),
        paused=paused == b"1",
        job=(job or b"").decode(),
        fired=int(fired or 0),
        skipped=int(skipped or 0),
    )
