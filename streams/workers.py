"""Who consumes, and who has left."""

import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

import orjson
from redis.asyncio import Redis

from streams.keys import Keys
from streams.scripts.loader import load
from streams.server import Server

#: Kinds that a worker names in the registry: it says them with every beat.
KINDS_SHOWN_MAX = 100

#: What is said of a trouble: it is written with every beat.
TROUBLE_CHARS_MAX = 300

_RETIRE = load("retire")
_REMOVED = 1


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """A consumer as it describes itself in the worker registry."""

    consumer: str
    name: str
    host: str
    pid: int
    version: str
    concurrency: int
    started_ms: int
    lease_ms: int = 0
    """Silence after which others may take its jobs; 0 where it does not say."""
    kinds: tuple[str, ...] = ()
    """What it has handlers for, `KINDS_SHOWN_MAX` of them at most."""

    def to_json(self) -> str:
        """One JSON object."""
        return orjson.dumps(self).decode()


@dataclass(frozen=True, slots=True)
class SeenWorker:
    """An entry of the registry: what the worker says of itself, and when it last did."""

    consumer: str
    name: str
    host: str
    pid: int
    version: str
    concurrency: int
    beat_ms: int
    lease_ms: int = 0
    kinds: tuple[str, ...] = ()
    trouble: str = ""
    """What keeps it from taking jobs, in its own words; empty where nothing does."""


def with_trouble(info: str, trouble: str) -> str:
    """What a worker says of itself (`WorkerInfo.to_json`) while something is wrong with it."""
    if not trouble:
        return info
    said: dict[str, Any] = orjson.loads(info)
    return orjson.dumps({**said, "trouble": trouble[:TROUBLE_CHARS_MAX]}).decode()


def new_consumer_name(name: str) -> str:
    """A consumer name that no process has had or will have: `name:pid:random`."""
    return f"{name}:{os.getpid()}:{token_hex(4)}"


def hostname() -> str:
    """The name of this machine."""
    return socket.gethostname()


async def seen_workers(client: Redis, keys: Keys) -> list[SeenWorker]:
    """The registry, by name."""
    fields: Any = await client.hgetall(keys.workers)
    return workers_of(fields)


def workers_of(fields: Mapping[bytes, bytes]) -> list[SeenWorker]:
    """The registry's hash, read; what a worker says of itself may be missing or odd."""
    beats = {
        name.removeprefix(b"beat:"): int(value)
        for name, value in fields.items()
        if name.startswith(b"beat:")
    }
    seen = [_seen(name, fields.get(name, b"{}"), beat_ms) for name, beat_ms in beats.items()]
    return sorted(seen, key=lambda each: each.consumer)


def _seen(consumer: bytes, said: bytes, beat_ms: int) -> SeenWorker:
    try:
        info: Any = orjson.loads(said)
    except orjson.JSONDecodeError:
        info = {}
    return SeenWorker(
        consumer=consumer.decode(),
        name=str(info.get("name", "")),
        host=str(info.get("host", "")),
        pid=int(info.get("pid", 0)),
        version=str(info.get("version", "")),
        concurrency=int(info.get("concurrency", 0)),
        beat_ms=beat_ms,
        lease_ms=int(info.get("lease_ms", 0)),
        kinds=tuple(str(kind) for kind in info.get("kinds", ())),
        trouble=str(info.get("trouble", "")),
    )


async def retire(server: Server, keys: Keys, consumers: Sequence[str]) -> list[str]:
    """Remove those of *consumers* that have nothing pending; return their names."""
    codes = await server.run(
        _RETIRE,
        keys={**keys.streams, "workers": keys.workers},
        args={},
        rows=[((), (consumer,)) for consumer in consumers],
    )
    return [consumer for consumer, code in zip(consumers, codes, strict=True) if code == _REMOVED]
