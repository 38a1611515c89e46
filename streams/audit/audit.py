"""The audit: is every job of a queue in exactly one place?

It reads the whole queue in windows, without stopping it, and so sees jobs in motion twice
or not at all. Whatever looks wrong is therefore looked at again, by a script that sees all
places of that job at one moment; only what is wrong then is reported. It repairs nothing.

Cost: one SCAN over all keys of the server, one read of each stream, and about 200 bytes
a job in this process.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
from redis.asyncio import Redis

from streams.audit.places import Breakage, JobPlaces, SeenEntry, broken, places_of
from streams.entry import derived_id
from streams.errors import InvalidJobError
from streams.job import require_id
from streams.keys import GROUP, Keys
from streams.priority import LEVELS, Priority
from streams.scripts.loader import load
from streams.server import Server
from streams.why.facts import written_state

_WINDOW = load("audit_window")

#: Rows in one call: entries of a stream, pending rows, members of a set, keys.
WINDOW = 100
PENDING_WINDOW = 1_000
SCAN_STEP = 1_000
#: Breakages that are named; beyond that they are only counted.
NAMED_MAX = 10_000

Progress = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Broken:
    """One job, or one unique slot, and what is wrong with it."""

    id: str
    breakage: Breakage
    where: str


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What was looked at, and what is wrong."""

    queue: str
    partition: int
    seen: dict[str, int]
    """How many records, entries, pending rows, delayed and queued jobs, bodies, slots, letters."""
    broken: tuple[Broken, ...]
    counts: dict[str, int]
    """Breakage to number; larger than what `broken` names where that is cut."""

    @property
    def is_clean(self) -> bool:
        """True where every job is in exactly one place."""
        return not self.counts

    def to_json(self) -> bytes:
        """One JSON object."""
        return orjson.dumps(self, option=orjson.OPT_INDENT_2)


@dataclass(slots=True)
class _Job:
    """What the windows showed of one job."""

    state: str = ""
    entry: str = ""
    priority: str = ""
    dead_entry: str = ""
    expires: bool = True
    is_due: bool = False
    is_queued: bool = False
    has_body: bool = False
    cancel_asked: bool = False
    entries: dict[tuple[int, str], SeenEntry] = field(default_factory=dict)


async def audit(client: Redis, keys: Keys, progress: Progress | None = None) -> AuditReport:
    """Look for jobs that are not in exactly one place; *progress* hears what was read.

    Raises:
        RedisError: the server does not answer, or the user may not SCAN.
    """
    return await _Audit(Server(client), keys, progress or (lambda _what, _count: None)).run()


class _Audit:
    """One audit of one partition."""

    def __init__(self, server: Server, keys: Keys, progress: Progress) -> None:
        self._server = server
        self._client = server.client
        self._keys = keys
        self._progress = progress
        self._jobs: dict[str, _Job] = {}
        self._slots: dict[str, str] = {}
        self._letters: set[str] = set()
        self._seen: dict[str, int] = {}

    async def run(self) -> AuditReport:
        await self._read_keys()
        await self._read_streams()
        await self._read_sets()
        await self._read_letters()
        named: list[Broken] = []
        counts: dict[str, int] = {}
        async for each in self._verified():
            counts[each.breakage.value] = counts.get(each.breakage.value, 0) + 1
            if len(named) < NAMED_MAX:
                named.append(each)
        return AuditReport(self._keys.queue, self._keys.partition, self._seen, tuple(named), counts)

    def _job(self, job_id: str) -> _Job:
        return self._jobs.setdefault(job_id, _Job())

    def _count(self, what: str, count: int) -> None:
        self._seen[what] = self._seen.get(what, 0) + count
        self._progress(what, self._seen[what])

    async def _read_keys(self) -> None:
        """Records, bodies and unique slots: one SCAN for the three."""
        prefix = self._keys.job("").removesuffix("job:")
        pattern = prefix.replace("[", "\\[") + "*"
        cursor, is_over = 0, False
        for what in ("records", "bodies", "slots"):
            self._count(what, 0)
        while not is_over:
            answer: Any = await self._client.scan(cursor, match=pattern, count=SCAN_STEP)
            cursor, names = answer
            is_over = cursor == 0
            found: dict[str, list[str]] = {"job": [], "body": [], "unique": []}
            for name in names:
                what, _, rest = name.decode(errors="replace").removeprefix(prefix).partition(":")
                if rest and what in found:
                    found[what].append(rest)
            await self._read_records(found["job"])
            await self._read_slots(found["unique"])
            for job_id in found["body"]:
                self._job(job_id).has_body = True
            self._count("bodies", len(found["body"]))

    async def _read_records(self, ids: list[str]) -> None:
        async with self._client.pipeline(transaction=False) as pipe:
            for job_id in ids:
                pipe.hmget(self._keys.job(job_id), "state", "entry", "priority", "dead_entry")
                pipe.pttl(self._keys.job(job_id))
            answers: list[Any] = await pipe.execute() if ids else []
        for job_id, fields, ttl_ms in zip(ids, answers[::2], answers[1::2], strict=True):
            job = self._job(job_id)
            job.state, job.entry, job.priority, job.dead_entry = (
                (each or b"").decode(errors="replace") for each in fields
            )
            job.expires = ttl_ms >= 0
        self._count("records", len(ids))

    async def _read_slots(self, slots: list[str]) -> None:
        async with self._client.pipeline(transaction=False) as pipe:
            for slot in slots:
                pipe.get(self._keys.unique(slot))
            holders: list[bytes | None] = await pipe.execute() if slots else []
        for slot, holder in zip(slots, holders, strict=True):
            if holder is not None:
                self._slots[slot] = holder.decode(errors="replace")
        self._count("slots", len(slots))

    async def _read_streams(self) -> None:
        for level, (priority, stream) in enumerate(
            zip(LEVELS, self._keys.streams.values(), strict=True), start=1
        ):
            owner_of: dict[str, str] = {}
            delivered = await self._delivered(stream)
            async for rows in self._pending(stream):
                owner_of.update(rows)
                self._count("pending", len(rows))
            async for window in self._window(stream):
                for entry, job_id in window:
                    name = _id_of(priority, entry, job_id)
                    owner = owner_of.pop(entry, "")
                    stranded = not owner and _order(entry) <= delivered
                    seen = SeenEntry(level, entry, True, owner, stranded)
                    self._job(name).entries[level, entry] = seen
                self._count("entries", len(window))
            # What is left is pending and has no entry; the record that names it knows its job.
            # Two streams may have entries of the same name.
            named = {
                job.entry: job_id
                for job_id, job in self._jobs.items()
                if job.entry in owner_of and job.priority == priority.value
            }
            for entry, owner in owner_of.items():
                name = named.get(entry) or derived_id(priority, entry)
                seen = SeenEntry(level, entry, has_body=False, owner=owner)
                self._job(name).entries[level, entry] = seen

    async def _group(self, stream: str) -> dict[str, Any] | None:
        """XINFO's row of our group, or None where stream or group is missing."""
        if not await self._client.exists(stream):
            return None
        groups: list[dict[str, Any]] = await self._client.xinfo_groups(stream)
        return next((group for group in groups if group["name"] == GROUP.encode()), None)

    async def _delivered(self, stream: str) -> tuple[int, int]:
        """Up to where the entries of a stream have been delivered."""
        group = await self._group(stream)
        return _order(group["last-delivered-id"].decode()) if group else (0, 0)

    async def _pending(self, stream: str) -> AsyncIterator[dict[str, str]]:
        """The pending rows of a stream, window by window: entry to owner."""
        cursor = "-" if await self._group(stream) else ""
        while cursor:
            rows: Any = await self._client.xpending_range(
                stream, GROUP, cursor, "+", PENDING_WINDOW
            )
            yield {row["message_id"].decode(): row["consumer"].decode() for row in rows}
            is_full = len(rows) == PENDING_WINDOW
            cursor = f"({rows[-1]['message_id'].decode()}" if is_full else ""

    async def _window(self, stream: str) -> AsyncIterator[list[tuple[str, str]]]:
        """The entries of a stream, window by window, with the ids of their jobs."""
        cursor = "-"
        while cursor:
            following, rows = await self._server.run(
                _WINDOW, keys={"stream": stream}, args={"cursor": cursor, "count": WINDOW}
            )
            yield [(entry.decode(), job_id.decode(errors="replace")) for entry, job_id in rows]
            cursor = following.decode()

    async def _read_sets(self) -> None:
        self._count("delayed", 0)
        async for member, _score in self._client.zscan_iter(self._keys.delayed, count=SCAN_STEP):
            self._job(member.decode(errors="replace")).is_due = True
            self._count("delayed", 1)
        self._count("queued", 0)
        async for member, _score in self._client.zscan_iter(self._keys.backlog, count=SCAN_STEP):
            self._job(member.decode(errors="replace")).is_queued = True
            self._count("queued", 1)
        async for member in self._client.sscan_iter(self._keys.cancel, count=SCAN_STEP):
            self._job(member.decode(errors="replace")).cancel_asked = True

    async def _read_letters(self) -> None:
        async for window in self._window(self._keys.dead):
            self._letters.update(entry for entry, _ in window)
            self._count("letters", len(window))

    async def _verified(self) -> AsyncIterator[Broken]:
        """What still is wrong at a second look, which sees one job at one moment."""
        for job_id, job in self._jobs.items():
            if broken(self._as_seen(job_id, job)):
                again = await places_of(self._server, self._keys, job_id, set(job.entries))
                for breakage in broken(again):
                    yield Broken(job_id, breakage, again.in_words())
        for slot, holder in self._slots.items():
            known = self._jobs.get(holder)
            if known and known.state and not _has_ended(known.state):
                continue
            if await self._is_left(slot, holder):
                yield Broken(holder, Breakage.SLOT_LEFT, f"unique slot {slot}")

    def _as_seen(self, job_id: str, job: _Job) -> JobPlaces:
        return JobPlaces(
            id=job_id,
            state=written_state(job.state),
            entry=job.entry,
            ttl_ms=1 if job.expires else None,
            is_due=job.is_due,
            is_queued=job.is_queued,
            has_body=job.has_body,
            has_letter=job.dead_entry in self._letters,
            cancel_asked=job.cancel_asked,
            entries=tuple(job.entries.values()),
        )

    async def _is_left(self, slot: str, holder: str) -> bool:
        """True where a slot is still held by a job that has ended.

        The record is read first: the script that ends a job opens its slot as well.
        """
        state: Any = await self._client.hget(self._keys.job(holder), "state")
        held: Any = await self._client.get(self._keys.unique(slot))
        ended = state is None or _has_ended(state.decode(errors="replace"))
        return ended and held is not None and held.decode(errors="replace") == holder


def _has_ended(state: str) -> bool:
    known = written_state(state)
    return known is not None and known.is_end


def _order(entry: str) -> tuple[int, int]:
    """The two numbers of an entry's name, to be compared."""
    ms, _, number = entry.partition("-")
    return int(ms), int(number)


def _id_of(priority: Priority, entry: str, said: str) -> str:
    """The id of the job in an entry, as workers read it: one that cannot be is none."""
    try:
        require_id(said)
    except InvalidJobError:
        return derived_id(priority, entry)
    return said
