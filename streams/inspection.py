"""What an operator sees: XINFO, XPENDING and the counters as typed reports.

Depth is counted as XLEN minus pending: settled entries are deleted, so the numbers are
exact, while the `lag` of XINFO is null or wrong after deletions.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from streams.gate import Gate, gate_of
from streams.groups import GENERATION
from streams.keys import GROUP, NOBODIES, Keys
from streams.priority import LEVELS, Priority
from streams.workers import SeenWorker, seen_workers

#: Queues found by one look: more is a naming accident.
QUEUES_MAX = 1000

#: A stream's key, as `Keys` writes it: what others have under similar names is not ours.
_STREAM = re.compile(rb"millstream:\{([a-z][a-z0-9_-]{0,62}):(\d{1,9})\}:[a-z]+")


@dataclass(frozen=True, slots=True)
class LevelReport:
    """One stream: what waits in it and what its group has in hand."""

    priority: Priority
    undelivered: int
    handed_back: int
    running: int
    oldest_waiting_ms: int | None
    """Age of the first entry that no consumer has."""
    oldest_pending_ms: int | None
    """Age of the first entry that a consumer has."""

    @property
    def waiting(self) -> int:
        """Deliverable now: never delivered, or handed back."""
        return self.undelivered + self.handed_back


@dataclass(frozen=True, slots=True)
class ConsumerReport:
    """One consumer over all streams of the partition."""

    name: str
    pending: int
    idle_ms: int
    """Since its last read, renewal or claim, over all streams."""
    worker: SeenWorker | None
    """What it says of itself; None where it is not in the registry."""


@dataclass(frozen=True, slots=True)
class QueueReport:
    """One partition of a queue at one moment of the server's clock."""

    queue: str
    partition: int
    now_ms: int
    levels: tuple[LevelReport, ...]
    delayed: int
    next_due_ms: int | None
    """Until the next delayed job is due; negative where it is overdue."""
    dead: int
    counters: Mapping[str, int]
    consumers: tuple[ConsumerReport, ...]
    gate: Gate = field(default_factory=Gate)

    @property
    def undelivered(self) -> int:
        """Jobs that no consumer has, over all levels."""
        return sum(level.waiting for level in self.levels)

    @property
    def running(self) -> int:
        """Jobs that a consumer has, over all levels."""
        return sum(level.running for level in self.levels)

    @property
    def oldest_ms(self) -> int | None:
        """Age of the job that has waited longest in a stream."""
        ages = [
            each.oldest_waiting_ms for each in self.levels if each.oldest_waiting_ms is not None
        ]
        return max(ages, default=None)

    @property
    def is_idle(self) -> bool:
        """True where nothing waits, runs or is delayed."""
        return self.undelivered + self.running + self.delayed == 0

    def to_json(self) -> bytes:
        """One JSON object, with the sums beside the levels."""
        return orjson.dumps(
            {
                "queue": self.queue,
                "partition": self.partition,
                "undelivered": self.undelivered,
                "running": self.running,
                "delayed": self.delayed,
                "dead": self.dead,
                "oldest_ms": self.oldest_ms,
                "next_due_ms": self.next_due_ms,
                "levels": self.levels,
                **self.gate.as_json(),
                "counters": dict(self.counters),
                "consumers": self.consumers,
            },
            option=orjson.OPT_INDENT_2,
        )


async def find_queues(client: Redis) -> list[Keys]:
    """Every partition that has a stream, by name (SCAN over the key space, in steps)."""
    found: set[tuple[str, int]] = set()
    for priority in LEVELS:
        async for key in client.scan_iter(f"millstream:{{*}}:{priority.value}", count=1000):
            match = _STREAM.fullmatch(key)
            if match and len(found) < QUEUES_MAX:
                found.add((match[1].decode(), int(match[2])))
    return [Keys(queue, partition) for queue, partition in sorted(found)]


async def inspect_queue(client: Redis, keys: Keys) -> QueueReport:
    """Look at one partition; writes nothing."""
    seconds, micros = await client.time()
    now_ms = seconds * 1000 + micros // 1000
    async with client.pipeline(transaction=False) as pipe:
        pipe.zcard(keys.delayed)
        pipe.zrange(keys.delayed, 0, 0, withscores=True)
        pipe.xlen(keys.dead)
        pipe.hgetall(keys.counters)
        pipe.hgetall(keys.gate)
        delayed, first, dead, counters, gate = await pipe.execute()
    levels = [await _level(client, keys.stream(each), each, now_ms) for each in LEVELS]
    return QueueReport(
        queue=keys.queue,
        partition=keys.partition,
        now_ms=now_ms,
        levels=tuple(levels),
        delayed=delayed,
        next_due_ms=int(first[0][1]) - now_ms if first else None,
        dead=dead,
        counters={
            name.decode(): int(value)
            for name, value in sorted(counters.items())
            if name != GENERATION.encode()
        },
        consumers=await _consumers(client, keys, now_ms),
        gate=gate_of(gate),
    )


async def _level(client: Redis, stream: str, priority: Priority, now_ms: int) -> LevelReport:
    """One stream's numbers; all zero where it has never been written."""
    group = await _group(client, stream)
    length = await client.xlen(stream)
    if group is None:
        first: Any = await client.xrange(stream, count=1)
        return LevelReport(priority, length, 0, 0, _age(first, now_ms), None)
    handed_back: list[Any] = []
    for nobody in sorted(NOBODIES):
        handed_back += await client.xpending_range(stream, GROUP, "-", "+", 1000, nobody)
    handed_back.sort(key=lambda row: _ms(row["message_id"]))
    pending: int = group["pending"]
    after: str = "(" + group["last-delivered-id"].decode()
    waiting: Any = await client.xrange(stream, after, "+", count=1) if length > pending else []
    if handed_back:
        waiting = [(handed_back[0]["message_id"], {}), *waiting]
    # One more than nobody has: the first row that is left belongs to a consumer.
    first_rows: Any = await client.xpending_range(stream, GROUP, "-", "+", len(handed_back) + 1)
    owned = [row for row in first_rows if row["consumer"].decode() not in NOBODIES]
    return LevelReport(
        priority=priority,
        undelivered=max(0, length - pending),
        handed_back=len(handed_back),
        running=pending - len(handed_back),
        oldest_waiting_ms=_age(sorted(waiting, key=lambda each: _ms(each[0])), now_ms),
        oldest_pending_ms=_age([(row["message_id"], {}) for row in owned], now_ms),
    )


async def _group(client: Redis, stream: str) -> dict[str, Any] | None:
    """XINFO's row of our group, or None where stream or group is missing."""
    try:
        groups: list[dict[str, Any]] = await client.xinfo_groups(stream)
    except ResponseError:
        return None
    return next((group for group in groups if group["name"] == GROUP.encode()), None)


async def _consumers(client: Redis, keys: Keys, now_ms: int) -> tuple[ConsumerReport, ...]:
    """Consumers of the groups, and workers of the registry that have had no job yet.

    XINFO lists a consumer only from its first entry on.
    """
    registry = {worker.consumer: worker for worker in await seen_workers(client, keys)}
    pending = dict.fromkeys(registry, 0)
    idle_ms = {name: max(0, now_ms - worker.beat_ms) for name, worker in registry.items()}
    for stream in keys.streams.values():
        if await _group(client, stream) is None:
            continue
        for row in await client.xinfo_consumers(stream, GROUP):
            name = row["name"].decode()
            if name not in NOBODIES:
                pending[name] = pending.get(name, 0) + row["pending"]
                idle_ms[name] = min(idle_ms.get(name, row["idle"]), row["idle"])
    return tuple(
        ConsumerReport(name, pending[name], idle_ms[name], registry.get(name))
        for name in sorted(pending)
    )


def _ms(entry: bytes) -> int:
    return int(entry.partition(b"-")[0])


def _age(entries: list[Any], now_ms: int) -> int | None:
    return max(0, now_ms - _ms(entries[0][0])) if entries else None
