"""What goes into a queue and out of it: paused levels, and a queue that drains."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from redis.asyncio import Redis

from streams.errors import InvalidJobError
from streams.keys import Keys
from streams.priority import LEVELS, Priority
from streams.scripts.loader import load
from streams.server import Server
from streams.spans import moment

#: Characters of a name, and of a reason.
BY_CHARS_MAX, REASON_CHARS_MAX = 100, 200

_PAUSE = load("pause")
_DRAIN = load("drain")


@dataclass(frozen=True, slots=True)
class Stop:
    """Who stopped something, why, and when (Unix ms on the server's clock)."""

    by: str = ""
    reason: str = ""
    since_ms: int = 0

    def __str__(self) -> str:
        by = f" by {self.by}" if self.by else ""
        return f"since {moment(self.since_ms)}{by}{f' ({self.reason})' if self.reason else ''}"


@dataclass(frozen=True, slots=True)
class Gate:
    """What is stopped of a queue; nothing, for most."""

    paused: Mapping[Priority, Stop] = field(default_factory=dict[Priority, Stop])
    """Levels of which workers take nothing."""
    draining: Stop | None = None
    """Set where the queue takes no new jobs."""

    @property
    def is_paused(self) -> bool:
        """True where workers take nothing at all."""
        return len(self.paused) == len(LEVELS)

    def __str__(self) -> str:
        """In words; empty where nothing is stopped."""
        parts: list[str] = []
        for stop in dict.fromkeys(self.paused.values()):
            levels = [level.value for level, each in self.paused.items() if each == stop]
            which = "" if len(levels) == len(LEVELS) else f"{', '.join(levels)} "
            parts.append(f"{which}paused {stop}")
        if self.draining is not None:
            parts.append(f"draining {self.draining}")
        return "; ".join(parts)

    def as_json(self) -> dict[str, Any]:
        """For a report that is one JSON object."""
        return {
            "paused": {level.value: stop for level, stop in self.paused.items()},
            "draining": self.draining,
        }


async def pause(
    server: Server,
    keys: Keys,
    levels: Collection[Priority] = LEVELS,
    *,
    by: str = "",
    reason: str = "",
) -> frozenset[Priority]:
    """Let workers take nothing of *levels* any more; returns those that were not paused before.

    From the answer on no job of them begins; those that run go on. A level that was paused
    before keeps the name and the reason of whoever did so.

    Raises:
        InvalidJobError: *by* or *reason* is too long, or has characters that do not print.
    """
    return await _set_pause(server, keys, levels, by, reason, paused=True)


async def resume(
    server: Server, keys: Keys, levels: Collection[Priority] = LEVELS
) -> frozenset[Priority]:
    """Let workers take jobs of *levels* again, within a second; returns those that were paused."""
    return await _set_pause(server, keys, levels, "", "", paused=False)


async def drain(server: Server, keys: Keys, *, by: str = "", reason: str = "") -> bool:
    """Take no new jobs from clients and schedules; False where it was so before.

    What is in the queue is worked on, its retries and replays too. A plain XADD of another
    service cannot be refused.

    Raises:
        InvalidJobError: *by* or *reason* is too long, or has characters that do not print.
    """
    return await _set_draining(server, keys, by, reason, draining=True)


async def reopen(server: Server, keys: Keys) -> bool:
    """Take new jobs again; False where it did."""
    return await _set_draining(server, keys, "", "", draining=False)


async def read_gate(client: Redis, keys: Keys) -> Gate:
    """What is stopped now."""
    found: Any = await client.hgetall(keys.gate)
    return gate_of(found)


def gate_of(fields: Mapping[bytes, bytes]) -> Gate:
    """The gate that the fields of its hash describe."""
    draining = fields.get(b"draining")
    return Gate(
        {
            level: stop_of(fields.get(f"pause:{level.level}".encode(), b"{}"))
            for level in levels_of(fields.get(b"paused"))
        },
        None if draining is None else stop_of(draining),
    )


def levels_of(digits: bytes | None) -> tuple[Priority, ...]:
    """The levels that a text of their numbers names."""
    return tuple(level for level in LEVELS if str(level.level).encode() in (digits or b""))


def stop_of(packed: bytes) -> Stop:
    """The stop that a script wrote."""
    told = orjson.loads(packed)
    return Stop(told.get("by", ""), told.get("reason", ""), told.get("since_ms", 0))


async def _set_pause(
    server: Server, keys: Keys, levels: Collection[Priority], by: str, reason: str, *, paused: bool
) -> frozenset[Priority]:
    _require_words(by, reason)
    changed, _held = await server.run(
        _PAUSE,
        keys={"gate": keys.gate, "wake": keys.wake},
        args={
            "levels": "".join(str(level.level) for level in levels),
            "pause": int(paused),
            "by": by,
            "reason": reason,
        },
    )
    return frozenset(levels_of(changed))


async def _set_draining(
    server: Server, keys: Keys, by: str, reason: str, *, draining: bool
) -> bool:
    _require_words(by, reason)
    answer = await server.run(
        _DRAIN,
        keys={"gate": keys.gate},
        args={"drain": int(draining), "by": by, "reason": reason},
    )
    return bool(answer)


def _require_words(by: str, reason: str) -> None:
    for name, text, chars_max in (
        ("by", by, BY_CHARS_MAX),
        ("reason", reason, REASON_CHARS_MAX),
    ):
        if len(text) > chars_max or not text.isprintable():
            raise InvalidJobError(
                f"{name} has up to {chars_max} printable characters, got {text!r:.220}"
            )
