"""Everything that a server holds of one queue, at one moment."""

from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from streams.groups import GENERATION
from streams.keys import GROUP, Keys
from streams.priority import LEVELS


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The structures of a queue, as they are, with nothing concluded from them."""

    streams: list[str]
    """The ids of the jobs in the streams; twice where there are two entries."""
    pending: set[tuple[int, str, str, int]]
    """Level, entry, owner and delivery count."""
    delayed: list[str]
    bodies: set[str]
    records: dict[str, str]
    """Job id to state."""
    letters: set[str]
    """Dead letters by their own ids."""
    slots: dict[str, str]
    wanted: set[str]
    """Ids of the jobs whose end somebody asked for."""
    counters: dict[str, int]


async def snapshot(client: Redis, keys: Keys) -> Snapshot:
    """Look at *keys* in one transaction, so that nothing moves meanwhile."""
    named: Any = await client.keys()
    beside = {
        kind: [key for key in named if key.partition(b"}:")[2].startswith(kind)]
        for kind in (b"job:", b"body:", b"unique:")
    }
    async with client.pipeline(transaction=True) as pipe:
        for stream in keys.streams.values():
            pipe.xrange(stream)
            pipe.xpending_range(stream, GROUP, "-", "+", 10_000)
        pipe.zrange(keys.delayed, 0, -1)
        pipe.xrange(keys.dead)
        pipe.smembers(keys.cancel)
        pipe.hgetall(keys.counters)
        for key in beside[b"job:"]:
            pipe.hget(key, "state")
        for key in beside[b"unique:"]:
            pipe.get(key)
        answers: list[Any] = await pipe.execute()
    of_levels, (delayed, dead, wanted, counters) = answers[:8], answers[8:12]
    states, holders = answers[12:][: len(beside[b"job:"])], answers[12 + len(beside[b"job:"]) :]
    return Snapshot(
        streams=[fields[b"id"].decode() for found in of_levels[::2] for _, fields in found],
        pending={
            (
                level.level,
                row["message_id"].decode(),
                row["consumer"].decode(),
                row["times_delivered"],
            )
            for level, rows in zip(LEVELS, of_levels[1::2], strict=True)
            for row in rows
        },
        delayed=[name.decode() for name in delayed],
        bodies={_name(key) for key in beside[b"body:"]},
        records={
            _name(key): state.decode() for key, state in zip(beside[b"job:"], states, strict=True)
        },
        letters={entry.decode() for entry, _ in dead},
        slots={
            _name(key): holder.decode()
            for key, holder in zip(beside[b"unique:"], holders, strict=True)
        },
        wanted={name.decode() for name in wanted},
        counters={
            name.decode(): int(number)
            for name, number in counters.items()
            if name != GENERATION.encode()
        },
    )


def _name(key: bytes) -> str:
    """The id behind `…}:job:` and the like."""
    return key.partition(b"}:")[2].partition(b":")[2].decode()
