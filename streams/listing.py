"""The jobs of a queue in one state, a page at a time; each page costs what it holds.

A list is read from the structures that make the state: streams and pending lists, the delayed
set, the dead letters. Nothing stands still meanwhile: a job that moves between two pages may be
seen twice, or not at all. Jobs that have completed or were cancelled are in no structure; their
records are looked up by id.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from streams.dead import dead_letters
from streams.entry import derived_id
from streams.errors import InvalidJobError, ListingError
from streams.job import require_id
from streams.keys import Keys
from streams.priority import LEVELS, Priority
from streams.scripts.loader import load
from streams.server import Server
from streams.state import State

#: Jobs of one page.
PAGE_MAX = 1000
#: Rows of one call, and the bytes after which it ends: both hold the server.
WINDOW, WINDOW_BYTES = 100, 1024 * 1024
#: Calls for one page; a filter that rarely fits ends a page early.
CALLS_MAX = 100

_WAITING, _RUNNING, _DELAYED = (load(f"list_{name}") for name in ("waiting", "running", "delayed"))
_CURSORS = {
    State.READY: re.compile(r"([1-4])/([123])/(-|\(?\d{1,20}-\d{1,20})"),
    State.RUNNING: re.compile(r"([1-4])/(-|\(?\d{1,20}-\d{1,20})"),
    State.DELAYED: re.compile(r"(\d{1,20})/([!-~]{1,200})"),
    State.DEAD: re.compile(r"(\d{1,20}-\d{1,20})"),
}
#: States that have a list.
LISTED = tuple(_CURSORS)


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


async def list_jobs(
    server: Server,
    keys: Keys,
    state: State,
    *,
    priority: Priority | None = None,
    limit: int = 50,
    cursor: str = "",
) -> JobPage:
    """Up to *limit* jobs of *state* behind *cursor*, of one *priority* or of all.

    Waiting and running jobs come by level, the oldest first; of those that wait, what was
    handed back comes before what is new, as a worker takes them. Delayed jobs come by the
    moment they are due, dead ones the newest first; of these two, those of one priority are
    picked while reading, so that a page may be short and not the last.

    Raises:
        ListingError: the state has no list, or *limit* or *cursor* is none of its own.
    """
    if not 1 <= limit <= PAGE_MAX:
        raise ListingError(f"a page has 1 to {PAGE_MAX} jobs, got {limit}")
    if state not in _CURSORS:
        raise ListingError(
            f"there is no list of {state.value} jobs: each has a record under its id until that "
            "expires (millstream jobs show ID), and the statistics count them"
        )
    place = _CURSORS[state].fullmatch(cursor)
    if cursor and not place:
        raise ListingError(
            f"{cursor!r:.80} is no place in a list of {state.value} jobs: a cursor is what the "
            "page before says"
        )
    reader = _Reader(server, keys, priority, limit, place.groups() if place else ())
    match state:
        case State.READY:
            return await reader.waiting()
        case State.RUNNING:
            return await reader.running()
        case State.DELAYED:
            return await reader.delayed()
        case _:
            return await reader.dead()


class _Reader:
    """Reads one page."""

    def __init__(
        self,
        server: Server,
        keys: Keys,
        priority: Priority | None,
        limit: int,
        place: Sequence[str],
    ) -> None:
        self._server = server
        self._keys = keys
        self._priority = priority
        self._limit = limit
        self._place = place
        self._jobs: list[ListedJob] = []
        self._first, self._last = (priority.level,) * 2 if priority else (1, len(LEVELS))

    @property
    def _left(self) -> int:
        return self._limit - len(self._jobs)

    def _page(self, cursor: str) -> JobPage:
        return JobPage(tuple(self._jobs), cursor)

    async def waiting(self) -> JobPage:
        level, part, cursor = self._place or (self._first, 1, "-")
        for _ in range(CALLS_MAX):
            level, part, following, rows = await self._server.run(
                _WAITING,
                keys=self._keys.streams,
                args={
                    **self._window(level, cursor),
                    "part": part,
                },
            )
            cursor = following.decode()
            self._jobs += [_of_entry(row, State.READY) for row in rows]
            if not level or not self._left:
                break
        return self._page(f"{level}/{part}/{cursor}" if level else "")

    async def running(self) -> JobPage:
        level, cursor = self._place or (self._first, "-")
        for _ in range(CALLS_MAX):
            level, following, rows = await self._server.run(
                _RUNNING, keys=self._keys.streams, args=self._window(level, cursor)
            )
            cursor = following.decode()
            self._jobs += [_of_entry(row, State.RUNNING) for row in rows]
            if not level or not self._left:
                break
        return self._page(f"{level}/{cursor}" if level else "")

    def _window(self, level: int | str, cursor: str) -> dict[str, int | str]:
        return {
            "level": level,
            "last_level": self._last,
            "cursor": cursor,
            "count": min(self._left, WINDOW),
            "bytes_max": WINDOW_BYTES,
        }

    async def delayed(self) -> JobPage:
        score, job_id = self._place or ("", "")
        for _ in range(CALLS_MAX):
            count = min(self._left, WINDOW)
            flat: list[bytes] = await self._server.run(
                _DELAYED,
                keys={"delayed": self._keys.delayed},
                args={"score": score, "id": job_id, "count": count},
            )
            dues = [
                (name.decode(errors="replace"), int(float(due)))
                for name, due in zip(flat[::2], flat[1::2], strict=True)
            ]
            self._jobs += await self._of_records(dues)
            if len(dues) < count:
                return self._page("")
            job_id, score = dues[-1][0], str(dues[-1][1])
            if not self._left:
                break
        return self._page(f"{score}/{job_id}")

    async def _of_records(self, dues: Sequence[tuple[str, int]]) -> list[ListedJob]:
        """Delayed jobs as their records tell of them; the keys were unknown before."""
        fields = ("kind", "priority", "attempt", "enqueued_ms", "unique")
        client: Any = self._server.client
        async with client.pipeline(transaction=False) as pipe:
            for job_id, _ in dues:
                pipe.hmget(self._keys.job(job_id), *fields)
                pipe.strlen(self._keys.body(job_id))
            found = await pipe.execute() if dues else []
        jobs: list[ListedJob] = []
        for (job_id, due_ms), record, size in zip(dues, found[::2], found[1::2], strict=True):
            kind, level, attempt, enqueued_ms, unique = (_text(each or b"") for each in record)
            priority = Priority(level) if level in LEVELS else Priority.NORMAL
            if self._priority in {None, priority}:
                jobs.append(
                    ListedJob(
                        id=job_id,
                        state=State.DELAYED,
                        priority=priority,
                        kind=kind,
                        attempt=_number(attempt) or 1,
                        enqueued_ms=_number(enqueued_ms),
                        payload_bytes=size,
                        unique=unique,
                        due_ms=due_ms,
                    )
                )
        return jobs

    async def dead(self) -> JobPage:
        last = f"({self._place[0]}" if self._place else "+"
        client, read = self._server.client, 0
        async for letter in dead_letters(client, self._keys, last=last, newest_first=True):
            read += 1
            if self._priority in {None, letter.priority}:
                fields = {name: _text(value) for name, value in letter.fields.items()}
                self._jobs.append(
                    ListedJob(
                        id=letter.id,
                        state=State.DEAD,
                        priority=letter.priority,
                        kind=letter.kind,
                        attempt=_number(fields.get("attempt", "")) or 1,
                        enqueued_ms=_number(fields.get("enqueued_ms", "")),
                        payload_bytes=len(letter.payload),
                        unique=letter.unique,
                        entry=letter.dead_entry,
                        ended_ms=letter.died_ms,
                        cause=letter.cause,
                    )
                )
            if not self._left or read == CALLS_MAX * WINDOW:
                return self._page(letter.dead_entry)
        return self._page("")


def _of_entry(row: Sequence[Any], state: State) -> ListedJob:
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
