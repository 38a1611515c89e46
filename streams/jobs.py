"""Everything that is known of one job."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
from pydantic import JsonValue

from streams.errors import UnknownJobError
from streams.keys import NOBODIES, Keys
from streams.priority import Priority
from streams.scripts.loader import load
from streams.server import Server
from streams.state import State

#: Jobs whose ends are asked for at once; each result may have a megabyte.
PEEK_MAX = 50

_LOOK = load("look")


@dataclass(frozen=True, slots=True)
class Progress:
    """The last that its handler said of a job: how much is done, from 0 to 1, and when."""

    fraction: float
    message: str
    noted_ms: int


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as its record, its history and the pending list show it."""

    id: str
    queue: str
    kind: str
    state: State
    priority: Priority
    enqueued_ms: int | None
    due_ms: int | None
    ended_ms: int | None
    entry: str
    attempt: int
    attempts_max: int | None
    losses: int
    solo: int
    released: int
    replays: int
    replayed_by: str
    replayed_ms: int | None
    replayed_from: str
    owner: str
    silent_ms: int | None
    deliveries: int
    cause: str
    parked: str
    dead_entry: str
    progress: Progress | None
    result: JsonValue
    history: tuple[Mapping[str, JsonValue], ...]

    def to_json(self) -> bytes:
        """One JSON object."""
        return orjson.dumps(self, option=orjson.OPT_INDENT_2)


async def look(server: Server, keys: Keys, job_id: str) -> JobView:
    """Look at a job, in one round trip.

    Raises:
        UnknownJobError: it has no record.
    """
    flat, attempts, pending, _now_ms = await server.run(
        _LOOK,
        keys={**keys.streams, "job": keys.job(job_id), "history": keys.history(job_id)},
        args={},
    )
    if not flat:
        raise UnknownJobError(keys.queue, job_id)
    record = {flat[i].decode(): flat[i + 1] for i in range(0, len(flat), 2)}
    return _view(keys.queue, job_id, record, attempts, pending)


def _view(
    queue: str, job_id: str, record: Mapping[str, bytes], attempts: list[bytes], pending: list[Any]
) -> JobView:
    def text(name: str) -> str:
        return record.get(name, b"").decode(errors="replace")

    def number(name: str) -> int | None:
        return int(record[name]) if record.get(name) else None

    owner = pending[0].decode() if pending else ""
    state = State(text("state"))
    if state is State.READY and owner and owner not in NOBODIES:
        state = State.RUNNING
    history = [*attempts, *([record["last_attempt"]] if record.get("last_attempt") else [])]
    return JobView(
        id=job_id,
        queue=queue,
        kind=text("kind"),
        state=state,
        priority=Priority.of(text("priority")),
        enqueued_ms=number("enqueued_ms"),
        due_ms=number("due_ms") if state is State.DELAYED else None,
        ended_ms=number("ended_ms"),
        entry=text("entry"),
        attempt=number("attempt") or 1,
        attempts_max=number("attempts"),
        losses=number("losses") or 0,
        solo=number("solo") or 0,
        released=number("released") or 0,
        replays=number("replays") or 0,
        replayed_by=text("replayed_by"),
        replayed_ms=number("replayed_ms"),
        replayed_from=text("replayed_from"),
        owner="" if owner in NOBODIES else owner,
        silent_ms=pending[1] if state is State.RUNNING else None,
        deliveries=pending[2] if pending else 0,
        cause=text("cause"),
        parked=text("parked") if state is State.DELAYED else "",
        dead_entry=text("dead_entry"),
        progress=progress_of(record.get("progress"), number("progress_ms") or 0),
        result=orjson.loads(record["result"]) if record.get("result") else None,
        history=tuple(orjson.loads(row) for row in history),
    )


def progress_of(packed: bytes | None, noted_ms: int) -> Progress | None:
    """A progress as it is written, in a record or an event."""
    if not packed:
        return None
    said = orjson.loads(packed)
    return Progress(said["fraction"], said["message"], noted_ms)


class End(NamedTuple):
    """How a job has ended: its result as JSON, or the cause of its death."""

    state: State
    result: bytes
    cause: str


async def peek_ends(server: Server, keys: Keys, ids: Sequence[str]) -> list[End | None]:
    """Those of *ids* that have ended, in one round trip and in their order; else None.

    Raises:
        ValueError: more than `PEEK_MAX` ids.
        UnknownJobError: one of them has no record.
    """
    if len(ids) > PEEK_MAX:
        raise ValueError(f"one call takes {PEEK_MAX} ids, got {len(ids)}")
    async with server.client.pipeline(transaction=False) as pipe:
        for each in ids:
            pipe.hmget(keys.job(each), ["state", "result", "cause"])
        rows: list[Any] = await pipe.execute()
    found: list[End | None] = []
    for job_id, (state, result, cause) in zip(ids, rows, strict=True):
        if state is None:
            raise UnknownJobError(keys.queue, job_id)
        end = End(State(state.decode()), result or b"", (cause or b"").decode(errors="replace"))
        found.append(end if end.state.is_end else None)
    return found


async def peek_state(server: Server, keys: Keys, job_id: str) -> tuple[State, bytes]:
    """State as written, and result as JSON: what a waiting producer asks for again and again.

    Raises:
        UnknownJobError: the job has no record.
    """
    found: Any = await server.client.hmget(keys.job(job_id), ["state", "result"])
    state, result = found
    if state is None:
        raise UnknownJobError(keys.queue, job_id)
    return State(state.decode()), result or b""
