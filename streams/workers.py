"""Who consumes, and who has left."""

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

import orjson
from redis.asyncio import Redis

from streams.keys import Keys
from streams.scripts.loader import load
from streams.server import Server

_RETIRE = load("retire")


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


def new_consumer_name(name: str) -> str:
    """A consumer name that no process has had or will have: `name:pid:random`."""
    return f"{name}:{os.getpid()}:{token_hex(4)}"


def hostname() -> str:
    """The name of this machine."""
    return socket.gethostname()


async def seen_workers(client: Redis, keys: Keys) -> list[SeenWorker]:
    """The registry, by name."""
    fields: Any = await client.hgetall(keys.workers)
    beats = {
        name.removeprefix(b"beat:"): int(value)
        for name, value in fields.items()
        if name.startswith(b"beat:")
    }
    seen: list[SeenWorker] = []
    for consumer, beat_ms in beats.items():
        info = orjson.loads(fields.get(consumer, b"{}"))
        seen.append(
            SeenWorker(
                consumer=consumer.decode(),
                name=str(info.get("name", "")),
                host=str(info.get("host", "")),
                pid=int(info.get("pid", 0)),
                version=str(info.get("version", "")),
                concurrency=int(info.get("concurrency", 0)),
                beat_ms=beat_ms,
            )
        )
    return sorted(seen, key=lambda each: each.consumer)


async def retire(server: Server, keys: Keys, consumers: Sequence[str]) -> list[str]:
    """Remove those of *consumers* that have nothing pending; return their names."""
    codes = await server.run(
        _RETIRE,
        keys={**keys.streams, "workers": keys.workers},
        args={},
        rows=[((), (consumer,)) for consumer in consumers],
    )
    return [consumer for consumer, code in zip(consumers, codes, strict=True) if code]
