"""What the doctor asks a server, once for all checks; nothing is written but a tiny script."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.exceptions import RedisError

#: Asked by CONFIG GET, one by one: older servers take one name a call.
CONFIG_NAMES = (
    "appendfsync",
    "min-replicas-to-write",
    "bind",
    "protected-mode",
    "maxmemory-clients",
)
_PROBE = "return 1"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Way:
    """How this program reaches the server."""

    is_local: bool = True
    """By Unix socket or over the loopback interface."""
    is_encrypted: bool = False
    has_password: bool = False


@dataclass(frozen=True, slots=True)
class Vitals:
    """A server as its own answers show it; None where the user may not ask."""

    info: Mapping[str, Any]
    config: Mapping[str, str] | None = None
    user: str | None = None
    users: tuple[str, ...] | None = None
    """The lines of ACL LIST; never shown, because they hold hashes of passwords."""
    skew_ms: int = 0
    """The server's clock minus ours, less what the journey may account for."""
    script_error: str = ""
    way: Way = field(default_factory=Way)

    def number(self, name: str) -> float:
        """A number of INFO; 0 where the server does not have it."""
        value = self.info.get(name, 0)
        return float(value) if isinstance(value, int | float) else 0.0

    def word(self, name: str) -> str:
        """A word of INFO; empty where the server does not have it."""
        return str(self.info.get(name, ""))


def way_of(url: str) -> Way:
    """What *url* says of the way; the password itself is not kept."""
    parts = urlsplit(url)
    return Way(
        is_local=parts.scheme == "unix" or (parts.hostname or "localhost") in _LOOPBACK,
        is_encrypted=parts.scheme == "rediss",
        has_password=bool(parts.password) or "password=" in parts.query,
    )


async def take_vitals(client: Redis, url: str) -> Vitals:
    """Ask everything there is to ask; what is refused stays unknown.

    Raises:
        RedisError: INFO is refused too, or the server does not answer.
    """
    info: dict[str, Any] = await client.info("everything")
    raw: Any = client
    async with client.pipeline(transaction=False) as pipe:
        for name in CONFIG_NAMES:
            pipe.config_get(name)
        pipe.script_load(_PROBE)
        answers: list[Any] = await pipe.execute(raise_on_error=False)
    *settings, loaded = answers
    known = [each for each in settings if isinstance(each, dict)]
    return Vitals(
        info=info,
        config={name: value for each in known for name, value in each.items()} if known else None,
        user=_text(await _asked(raw, "ACL", "WHOAMI")),
        users=_lines(await _asked(raw, "ACL", "LIST")),
        skew_ms=await _skew_ms(client),
        script_error=str(loaded) if isinstance(loaded, RedisError) else "",
        way=way_of(url),
    )


async def _asked(client: Any, *words: str) -> Any:
    """The answer to a command that may be refused; None where it is."""
    try:
        return await client.execute_command(*words)
    except RedisError:
        return None


async def _skew_ms(client: Redis) -> int:
    before = time.time()
    seconds, micros = await client.time()
    after = time.time()
    server = int(seconds) + int(micros) / 1_000_000
    if before <= server <= after:
        return 0
    return round((server - (after if server > after else before)) * 1000)


def _text(value: Any) -> str | None:
    return value.decode() if isinstance(value, bytes) else value if isinstance(value, str) else None


def _lines(value: Any) -> tuple[str, ...] | None:
    if not isinstance(value, list):
        return None
    return tuple(each.decode() if isinstance(each, bytes) else str(each) for each in value)
