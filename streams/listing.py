"""The jobs of a queue in one state, a page at a time; each page costs what it holds.

A list is read from the structures that make the state: streams and pending lists, the delayed
set, the dead letters. Nothing stands still meanwhile: a job that moves between two pages may be
seen twice, or not at all. Jobs that have completed or were cancelled are in no structure; their
records are looked up by id.
"""

import re
from collections.abc import Sequence
from typing import Any

from streams.errors import ListingError
from streams.keys import Keys
from streams.listed import JobPage, ListedJob, of_entry, of_letter, of_record
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

_WAITING, _RUNNING = load("list_waiting"), load("list_running")
_DELAYED, _RECORDS, _DEAD = load("list_delayed"), load("list_records"), load("list_dead")
_CURSORS = {
    State.READY: re.compile(r"([1-4])/([123])/(-|\(?\d{1,20}-\d{1,20})"),
    State.RUNNING: re.compile(r"([1-4])/(-|\(?\d{1,20}-\d{1,20})"),
    State.DELAYED: re.compile(r"(\d{1,20})/([!-~]{1,200})"),
    State.DEAD: re.compile(r"(\d{1,20}-\d{1,20})"),
}
#: States that have a list.
LISTED = tuple(_CURSORS)


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
            self._jobs += [of_entry(row, State.READY) for row in rows]
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
            self._jobs += [of_entry(row, State.RUNNING) for row in rows]
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
            # Of one priority are few: more are read than are wanted, and the rest is cut off.
            count = WINDOW if self._priority else min(self._left, WINDOW)
            flat: list[bytes] = await self._server.run(
                _DELAYED,
                keys={"delayed": self._keys.delayed},
                args={"score": score, "id": job_id, "count": count},
            )
            dues = [
                (name.decode(errors="replace"), int(float(due)))
                for name, due in zip(flat[::2], flat[1::2], strict=True)
            ]
            found = await self._records(dues)
            for (job_id, due_ms), record in zip(dues, found, strict=True):
                score = str(due_ms)
                if record:
                    self._jobs.append(of_record(job_id, due_ms, record))
                if not self._left:
                    return self._page(f"{score}/{job_id}")
            if len(dues) < count:
                return self._page("")
        return self._page(f"{score}/{job_id}")

    async def _records(self, dues: Sequence[tuple[str, int]]) -> list[Sequence[Any]]:
        """What the records tell, nothing of other levels; their keys were unknown before."""
        if not dues:
            return []
        found: list[Sequence[Any]] = await self._server.run(
            _RECORDS,
            keys={},
            args={"wanted": self._priority.value if self._priority else ""},
            rows=[((self._keys.job(job_id), self._keys.body(job_id)), ()) for job_id, _ in dues],
        )
        return found

    async def dead(self) -> JobPage:
        cursor = f"({self._place[0]}" if self._place else "+"
        for _ in range(CALLS_MAX):
            following, rows = await self._server.run(
                _DEAD,
                keys={"dead": self._keys.dead},
                args={
                    "cursor": cursor,
                    "level": self._priority.level if self._priority else 0,
                    "count": min(self._left, WINDOW),
                    "bytes_max": WINDOW_BYTES,
                },
            )
            cursor = following.decode()
            self._jobs += map(of_letter, rows)
            if not cursor or not self._left:
                break
        return self._page(cursor.removeprefix("("))
