"""One job of a list, as the structure that it was read from tells of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from streams.entry import derived_id
from streams.errors import InvalidJobError
from streams.job import require_id
from streams.priority import LEVELS, Priority
from streams.state import State
from streams.why.facts import written_priority


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedJob:
    """One job of a list: what its state says of it, and no payload."""

    id: str
    state: State
    priority: Priority
    kind: str
    attempt: int
    enqueued_ms: int | None
    payload_bytes: int = 0
    unique: str = ""
    entry: str = ""
    """Its place in a stream; of a dead job the name of its letter."""
    handed_back: bool = False
    owner: str = ""
    silent_ms: int | None = None
    """Since its consumer was heard, where one has it."""
    deliveries: int = 0
    due_ms: int | None = None
    ended_ms: int | None = None
    cause: str = ""


@dataclass(frozen=True, slots=True)
class JobPage:
    """A part of a list; no cursor at its end. Fewer jobs than were asked for are no end."""

    jobs: tuple[ListedJob, ...]
    next_cursor: str

    def to_json(self) -> bytes:
        """One JSON object."""
        return orjson.dumps(self, option=orjson.OPT_INDENT_2)


def of_record(job_id: str, due_ms: int, record: Sequence[Any]) -> ListedJob:
    """A delayed job as its record tells of it."""
    *words, size = record
    kind, priority, attempt, enqueued_ms, unique = map(_text, words)
    return ListedJob(
        id=job_id,
        state=State.DELAYED,
        priority=written_priority(priority),
        kind=kind,
        attempt=_number(attempt) or 1,
        enqueued_ms=_number(enqueued_ms),
        payload_bytes=size,
        unique=unique,
        due_ms=due_ms,
    )


def of_letter(row: Sequence[Any]) -> ListedJob:
    """A dead job as its letter tells of it."""
    level, letter, said, kind, attempt, enqueued_ms, unique, size, cause, died_ms, entry = row
    priority, name = LEVELS[level - 1], letter.decode()
    return ListedJob(
        id=_text(said) or derived_id(priority, _text(entry)),
        state=State.DEAD,
        priority=priority,
        kind=_text(kind),
        attempt=_number(_text(attempt)) or 1,
        enqueued_ms=_number(_text(enqueued_ms)),
        payload_bytes=size,
        unique=_text(unique),
        entry=name,
        ended_ms=_number(_text(died_ms)) or int(name.partition("-")[0]),
        cause=_text(cause),
    )


def of_entry(row: Sequence[Any], state: State) -> ListedJob:
    """A job as its entry tells of it, and its pending row where it has one."""
    level, entry, said, kind, attempt, enqueued_ms, unique, size, *more = row
    priority, place = LEVELS[level - 1], entry.decode()
    owner, silent_ms, deliveries = more if state is State.RUNNING else (b"", None, 0)
    return ListedJob(
        id=_id_of(priority, place, _text(said)),
        state=state,
        priority=priority,
        kind=_text(kind),
        attempt=_number(_text(attempt)) or 1,
        enqueued_ms=_number(_text(enqueued_ms)) or int(place.partition("-")[0]),
        payload_bytes=size,
        unique=_text(unique),
        entry=place,
        handed_back=state is State.READY and bool(more),
        owner=_text(owner),
        silent_ms=silent_ms,
        deliveries=deliveries,
    )


def _id_of(priority: Priority, entry: str, said: str) -> str:
    """The id of the job in an entry, as workers read it: one that cannot be is none."""
    try:
        require_id(said)
    except InvalidJobError:
        return derived_id(priority, entry)
    return said


def _text(value: bytes) -> str:
    return value.decode(errors="replace")


def _number(text: str) -> int | None:
    # 16 digits hold every number that a script writes.
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 16 else None  # noqa: PLR2004 - above
