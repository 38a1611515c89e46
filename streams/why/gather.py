"""Asking Redis about one job, in two round trips."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from redis.exceptions import NoPermissionError, RedisError

from streams.fingerprint import failure_of, fingerprint
from streams.gate import gate_of
from streams.job import require_id
from streams.keys import Keys
from streams.priority import LEVELS, Priority
from streams.scripts.loader import load
from streams.server import Server
from streams.state import State
from streams.why.facts import (
    JobFacts,
    LevelFacts,
    ServerFacts,
    written_priority,
    written_state,
)
from streams.workers import workers_of

_WHY = load("why")
#: Ids that begin alike: so many are named.
RESEMBLING_MAX = 5
#: Keys that a search for ids looks at in one call, and the calls that it makes at most.
SCAN_STEP, SCAN_STEPS_MAX = 2_000, 500


async def gather(server: Server, keys: Keys, job_id: str) -> JobFacts:
    """Look at a job and at its queue.

    Raises:
        InvalidJobError: no job can have this id.
    """
    require_id(job_id)
    # The slot that the job holds is a key, and a script may touch only what it declares.
    async with server.client.pipeline(transaction=False) as pipe:
        pipe.hget(keys.job(job_id), "unique")
        pipe.info("memory")
        pipe.info("persistence")
        unique, memory, persistence = await pipe.execute(raise_on_error=False)
    if isinstance(unique, RedisError):
        raise unique
    slot = unique.decode(errors="replace") if unique else job_id
    level, entry = _place_in(job_id)
    answer = await server.run(
        _WHY,
        keys={
            **keys.streams,
            "delayed": keys.delayed,
            "cancel": keys.cancel,
            "workers": keys.workers,
            "gate": keys.gate,
            "job": keys.job(job_id),
            "history": keys.history(job_id),
            "body": keys.body(job_id),
            "unique_key": keys.unique(slot),
        },
        args={"id": job_id, "at_level": level, "at_entry": entry},
    )
    return _facts(keys.queue, job_id, answer, _server_facts(memory, persistence))


async def ids_that_begin_with(server: Server, keys: Keys, prefix: str) -> tuple[str, ...]:
    """Up to `RESEMBLING_MAX` ids of jobs with a record; none where the user may not SCAN."""
    start = keys.job("")
    pattern = "".join(f"\\{char}" if char in "\\*?[]" else char for char in start + prefix) + "*"
    found: set[str] = set()
    cursor = 0
    for _ in range(SCAN_STEPS_MAX):
        try:
            answer: Any = await server.client.scan(cursor, match=pattern, count=SCAN_STEP)
        except NoPermissionError:
            break
        cursor, names = answer
        found.update(name.decode(errors="replace").removeprefix(start) for name in names)
        if cursor == 0 or len(found) > RESEMBLING_MAX:
            break
    return tuple(sorted(found)[:RESEMBLING_MAX])


def _place_in(job_id: str) -> tuple[int, str]:
    """Level and entry in an id that was derived from them; 0 and nothing in any other."""
    word, _, entry = job_id.partition("-")
    first, _, second = entry.partition("-")
    if word in LEVELS and first.isdigit() and second.isdigit() and len(entry) < 40:  # noqa: PLR2004 - two 64-bit numbers
        return Priority(word).level, entry
    return 0, ""


def _facts(queue: str, job_id: str, answer: Any, server: ServerFacts) -> JobFacts:
    now_ms, flat, rows, ttl_ms, score, body, cancel, holder, place, ahead, *others = answer
    record = _named(flat)
    entry, level, shown, pending, *flags = place
    has_entry, stranded = flags or (0, 0)
    fields = _named(shown)
    if not record and not has_entry:
        entry, pending = b"", []
    # A record that a claim or a settle made knows less than the entry of a plain XADD.
    read = _Reader({**fields, **record})
    levels, consumers, workers, gate = others
    in_hand: dict[str, int] = {}
    for name, count, _idle_ms in consumers:
        in_hand[name.decode()] = in_hand.get(name.decode(), 0) + count
    tail = [*rows, *([record["last_attempt"]] if record.get("last_attempt") else [])]
    history = tuple(row for row in map(_json, tail) if isinstance(row, dict))
    kind, cause, state = read.text("kind"), read.text("cause"), read.text("state")
    is_dead = state == State.DEAD
    return JobFacts(
        id=job_id,
        queue=queue,
        now_ms=now_ms,
        state=written_state(state),
        kind=kind,
        priority=written_priority(read.text("priority") or LEVELS[max(level, 1) - 1]),
        enqueued_ms=read.number("enqueued_ms"),
        ended_ms=read.number("ended_ms"),
        attempt=read.number("attempt") or 1,
        attempts_max=read.number("attempts"),
        losses=read.number("losses") or 0,
        solo=read.number("solo") or 0,
        released=read.number("released") or 0,
        replays=read.number("replays") or 0,
        cause=cause,
        fingerprint=fingerprint(kind, cause, failure_of(history)).digest if is_dead else "",
        parked=read.text("parked"),
        dead_entry=read.text("dead_entry"),
        unique=read.text("unique"),
        unique_holder=holder.decode(errors="replace"),
        ttl_ms=ttl_ms if ttl_ms >= 0 else None,
        progress=_json(record.get("progress", b"")),
        history=history,
        entry=entry.decode(),
        has_entry=bool(has_entry),
        is_stranded=bool(stranded),
        timeout_ms=_Reader(fields).number("timeout_ms") or None,
        owner=pending[0].decode() if pending else "",
        silent_ms=pending[1] if pending else 0,
        deliveries=pending[2] if pending else 0,
        due_ms=int(float(score)) if score else None,
        has_body=bool(body),
        cancel_asked=bool(cancel),
        ahead=ahead[0],
        ahead_is_exact=bool(ahead[1]),
        levels=tuple(LevelFacts(bool(row[0]), max(0, row[1]), row[2]) for row in levels),
        pending=in_hand,
        workers=tuple(workers_of(dict(zip(workers[::2], workers[1::2], strict=True)))),
        gate=gate_of(dict(zip(gate[::2], gate[1::2], strict=True))),
        server=server,
    )


class _Reader:
    """Reads the fields of a record, whose numbers may be missing or not ours."""

    def __init__(self, fields: Mapping[str, bytes]) -> None:
        self._fields = fields

    def text(self, name: str) -> str:
        return self._fields.get(name, b"").decode(errors="replace")

    def number(self, name: str) -> int | None:
        value = self._fields.get(name, b"")
        return int(value) if value.isdigit() and len(value) < 20 else None  # noqa: PLR2004 - 64 bits


def _named(flat: Sequence[bytes]) -> dict[str, bytes]:
    return {flat[i].decode(errors="replace"): flat[i + 1] for i in range(0, len(flat), 2)}


def _json(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _server_facts(memory: Any, persistence: Any) -> ServerFacts:
    """What INFO says; where the user may not ask, nothing."""
    used = int(memory.get("used_memory", 0)) if isinstance(memory, dict) else 0
    most = int(memory.get("maxmemory", 0)) if isinstance(memory, dict) else 0
    said: Mapping[str, Any] = persistence if isinstance(persistence, dict) else {}
    refuses = ""
    if said.get("loading"):
        refuses = "it is reading its data"
    elif said.get("aof_enabled") and said.get("aof_last_write_status", "ok") != "ok":
        refuses = "it cannot write its append-only file"
    return ServerFacts(used, most, refuses)
