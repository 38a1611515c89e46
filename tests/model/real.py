"""The same queue on a real server, and what it holds, in the words of the model."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

import orjson
import redis
from redis.asyncio import Redis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from streams.abandon import abandon, owned_rows
from streams.cancel import cancel
from streams.claim import Claimed, Lapsed, claim, sweep
from streams.clear import Cleared, clear
from streams.dead import dead_letters, purge
from streams.delayed import promote_due
from streams.enqueue import Enqueued, enqueue
from streams.fetch import fetch
from streams.gate import drain, pause, reopen, resume
from streams.groups import ensure_groups
from streams.job import Delivery, NewJob, Token
from streams.keys import GROUP, Keys
from streams.letter import DeadLetter
from streams.priority import LEVELS
from streams.progress import note_progress
from streams.remove import remove
from streams.renew import Renewal, renew
from streams.replay import replay
from streams.reprioritise import reprioritise
from streams.restamp import restamp
from streams.server import BlockingServer, Server
from streams.settle import Outcome, Retention, Settled, settle
from streams.state import State
from streams.workers import retire
from tests.model.world import Said

#: Longer than any run: a lease lapses when the machine says so.
RETENTION = Retention(lease_ms=600_000, ended_ttl_ms=600_000, dead_ttl_ms=900_000)

_DUMP = (Path(__file__).parent / "dump.lua").read_text()

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Entry:
    """An entry of a stream with its pending row."""

    level: int
    entry: str
    fields: Mapping[str, str] | None
    """None where only the pending row is left."""
    owner: str
    idle_ms: int
    deliveries: int


@dataclass
class Held:
    """Everything that the server holds of a queue, sorted by what it is."""

    entries: dict[tuple[int, str], Entry]
    delayed: list[str]
    bodies: dict[str, Mapping[str, str]]
    records: dict[str, Mapping[str, str]]
    histories: dict[str, list[Said]]
    letters: dict[str, Mapping[str, str]]
    slots: dict[str, str]
    wanted: set[str]
    workers: set[str]
    counts: dict[str, int]
    paused: set[int]
    draining: bool
    endless: set[str]
    """Keys without an end, by the part of their name behind the queue's."""


def said_in(row: str | bytes) -> Said:
    """A row of a history as the model writes it."""
    read = orjson.loads(row)
    if "n" in read:
        return ("said", str(read["n"]))
    if read["outcome"] == "replayed":
        return ("replayed", f"{read['dead_entry']} {read['cause']}")
    alone = bool(read.get("alone"))
    return (read["outcome"], f"{read['consumer']} {read.get('reason', '')} {alone}")


class Real:
    """One queue, and the calls that workers, producers and operators make."""

    def __init__(self, url: str, queue: str = "model") -> None:
        self.keys = Keys(queue)
        self._prefix = self.keys.dead.removesuffix("dead")
        self._loop = asyncio.new_event_loop()
        self._client = Redis.from_url(url, retry=AsyncRetry(NoBackoff(), 0))
        self.raw: Any = redis.Redis.from_url(
            url, retry=Retry(NoBackoff(), 0), decode_responses=True, socket_timeout=30
        )
        self.server = Server(self._client)
        self._blocking = BlockingServer(self.raw)
        self._dump = self.raw.register_script(_DUMP)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.do(self._client.aclose())
        self.raw.close()
        self._loop.close()

    def do(self, awaitable: Awaitable[Answer]) -> Answer:
        async def run() -> Answer:
            return await awaitable

        return self._loop.run_until_complete(run())

    def empty(self) -> None:
        """Nothing but the groups."""
        self.raw.flushdb()
        self.do(ensure_groups(self._client, self.keys))

    def stream(self, level: int) -> str:
        return self.keys.stream(LEVELS[level - 1])

    # What workers and producers do.

    def add(self, *jobs: NewJob) -> list[Enqueued]:
        return self.do(enqueue(self.server, self.keys, jobs))

    def add_raw(self, level: int, fields: dict[str, str]) -> str:
        return str(self.raw.xadd(self.stream(level), fields))

    def fetch(self, consumer: str, slots: int, served: int) -> list[Delivery]:
        found = self.do(fetch(self.server, self.keys, consumer, slots=slots, served=served))
        return found.deliveries

    def settle(self, consumer: str, outcomes: Sequence[Outcome]) -> list[Settled]:
        return self.do(settle(self.server, self.keys, consumer, outcomes, RETENTION))

    def renew(self, consumer: str, held: Sequence[tuple[Token, str]]) -> Renewal:
        return renew(self._blocking, self.keys, consumer, '{"name":"w"}', held)

    def sweep(self) -> list[Lapsed]:
        async def run() -> list[Lapsed]:
            found = sweep(self.server, self.keys, lease_ms=RETENTION.lease_ms)
            return [each async for window in found for each in window.rows]

        return self.do(run())

    def claim(self, consumer: str, lapsed: Sequence[Lapsed], suspects_max: int) -> Claimed:
        call = claim(self.server, self.keys, consumer, lapsed, RETENTION, suspects_max=suspects_max)
        return self.do(call)

    def owned(self, consumer: str) -> list[Lapsed]:
        return self.do(owned_rows(self.server, self.keys, consumer))

    def abandon(self, consumer: str, rows: Sequence[Lapsed], cause: str) -> Any:
        return self.do(abandon(self.server, self.keys, consumer, rows, RETENTION, cause=cause))

    def promote(self, *due: str) -> int:
        """Make it so that the time of *due* has come, and promote."""
        if due:
            self.raw.zadd(self.keys.delayed, dict.fromkeys(due, 1), xx=True)
        moved, _ = self.do(promote_due(self.server, self.keys, RETENTION))
        return moved

    def progress(self, delivery: Delivery, fraction: float) -> bool:
        return self.do(note_progress(self.server, self.keys, delivery, fraction, "m"))

    def restamp(self) -> int:
        return self.do(restamp(self.server, self.keys, lease_ms=RETENTION.lease_ms))

    def retire(self, *consumers: str) -> list[str]:
        return self.do(retire(self.server, self.keys, consumers))

    # What operators do.

    def cancel(self, job_id: str) -> str:
        ttl_ms = RETENTION.ended_ttl_ms
        answer = self.do(cancel(self.server, self.keys, job_id, ended_ttl_ms=ttl_ms))
        return answer.name.lower()

    def set_paused(self, levels: Sequence[int], *, paused: bool) -> set[int]:
        chosen = [LEVELS[level - 1] for level in levels]
        change = pause if paused else resume
        return {level.level for level in self.do(change(self.server, self.keys, chosen))}

    def set_draining(self, *, draining: bool) -> bool:
        return self.do((drain if draining else reopen)(self.server, self.keys))

    def clear(self, levels: Sequence[int], *, running: bool) -> Cleared:
        states = [State.READY, State.DELAYED, *([State.RUNNING] if running else [])]
        chosen = [LEVELS[level - 1] for level in levels]

        async def run() -> Cleared:
            ttl_ms = RETENTION.ended_ttl_ms
            found = clear(self.server, self.keys, states=states, levels=chosen, ended_ttl_ms=ttl_ms)
            return [each async for each in found][-1]

        return self.do(run())

    def remove(self, job_id: str) -> str:
        return self.do(remove(self.server, self.keys, job_id)).name.lower()

    def reprioritise(self, job_id: str, level: int) -> str:
        answer = self.do(reprioritise(self.server, self.keys, job_id, LEVELS[level - 1]))
        return answer.name.lower()

    def letters(self) -> dict[str, DeadLetter]:
        async def run() -> list[DeadLetter]:
            return [letter async for letter in dead_letters(self._client, self.keys)]

        return {letter.dead_entry: letter for letter in self.do(run())}

    def replay(self, letter: DeadLetter) -> str:
        return self.do(replay(self.server, self.keys, letter)).name.lower()

    def purge(self, letter: DeadLetter) -> int:
        return self.do(purge(self.server, self.keys, [letter]))

    # What happens to them.

    def fall_silent(self, token: Token) -> None:
        """Its owner has not been heard of for a lease and a second."""
        idle_ms = RETENTION.lease_ms + 1000
        stream, owner = self.stream(token.level), token.consumer
        self.raw.xclaim(stream, GROUP, owner, 0, [token.entry], idle=idle_ms, justid=True)

    def delete_entry(self, level: int, entry: str) -> None:
        self.raw.xdel(self.stream(level), entry)

    def backup(self) -> list[tuple[str, int, bytes]]:
        """All keys as a replica has them at this moment."""
        names = self.raw.keys(f"{self._prefix}*")

        async def run() -> list[Any]:
            async with self._client.pipeline(transaction=False) as pipe:
                for name in names:
                    pipe.pttl(name)
                    pipe.dump(name)
                return await pipe.execute()

        flat = self.do(run())
        return list(zip(names, flat[::2], flat[1::2], strict=True))

    def restore(self, backup: Sequence[tuple[str, int, bytes]]) -> None:
        """That replica is the master now."""

        async def run() -> None:
            async with self._client.pipeline(transaction=True) as pipe:
                pipe.flushdb()
                for name, ttl_ms, dumped in backup:
                    pipe.restore(name, max(ttl_ms, 0), dumped)
                await pipe.execute()

        self.do(run())

    def held(self) -> Held:
        """Look at everything at one moment."""
        rows = self._dump(args=[self._prefix])
        found = {key.removeprefix(self._prefix): value for key, _kind, _ttl_ms, value in rows}
        endless = {key.removeprefix(self._prefix) for key, _, ttl_ms, _ in rows if ttl_ms < 0}

        def of(kind: str) -> dict[str, Any]:
            """What is kept of each job under *kind*, by its id."""
            start = f"{kind}:"
            return {
                name.removeprefix(start): found.pop(name)
                for name in [*found]
                if name.startswith(start)
            }

        found.pop("stats", None)  # how long runs took, of which the model knows nothing
        gate = _pairs(found.pop("gate", []))
        held = Held(
            entries={},
            delayed=sorted(found.pop("delayed", [])),
            bodies={job_id: _pairs(value) for job_id, value in of("body").items()},
            records={job_id: _pairs(value) for job_id, value in of("job").items()},
            histories={
                job_id: [said_in(row) for row in value] for job_id, value in of("history").items()
            },
            letters={entry: _pairs(fields) for entry, fields in found.pop("dead", [[]])[0]},
            slots=of("unique"),
            wanted=set(found.pop("cancel", [])),
            workers={x for x in _pairs(found.pop("workers", [])) if not x.startswith("beat:")},
            counts={
                name: int(value)
                for name, value in _pairs(found.pop("counters", [])).items()
                if name != "generation"
            },
            paused={int(digit) for digit in gate.get("paused", "")},
            draining="draining" in gate,
            endless=endless,
        )
        assert gate.keys() <= {"paused", "draining", *(f"pause:{level}" for level in held.paused)}
        for level, priority in enumerate(LEVELS, start=1):
            held.entries |= _entries(level, *found.pop(priority.value, [[], []]))
        # News and figures: where a job is does not depend on them.
        for name in ("wake", "stats"):
            found.pop(name, None)
        assert not found, f"nobody knows what these are: {sorted(found)}"
        return held


def _pairs(flat: Sequence[str]) -> dict[str, str]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _entries(
    level: int, there: Sequence[Any], pending: Sequence[Any]
) -> dict[tuple[int, str], Entry]:
    found = {
        (level, entry): Entry(level, entry, _pairs(fields), "", 0, 0) for entry, fields in there
    }
    for entry, owner, idle_ms, deliveries in pending:
        before = found.get((level, entry))
        fields = before.fields if before else None
        found[level, entry] = Entry(level, entry, fields, owner, idle_ms, deliveries)
    return found
