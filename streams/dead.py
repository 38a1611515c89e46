"""Dead letters: what died, why, and with which history; and making it run again."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import orjson
from pydantic import JsonValue
from redis.asyncio import Redis

from streams.job import derived_id
from streams.keys import Keys
from streams.priority import Priority
from streams.scripts.loader import load
from streams.server import Server

#: Letters read in one round trip, and deleted in one script call.
PAGE = 100

_REPLAY = load("replay")
_PURGE = load("purge")


class Replayed(Enum):
    """What a replay led to; the values are the script's codes."""

    UNKNOWN = 0
    """There is no such dead letter."""
    READY = 1
    """The job is in its stream again."""
    LIVE = 2
    """A job with this id lives already: nothing was changed."""
    BODY_LOST = 3
    """The job's entry was deleted before it died; there is nothing to run."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A job that ended without success, with everything that is known of it."""

    dead_entry: str
    id: str
    kind: str
    payload: bytes
    priority: Priority
    cause: str
    died_ms: int
    losses: int
    history: tuple[Mapping[str, JsonValue], ...]
    fields: Mapping[str, bytes]

    @property
    def last_error(self) -> str:
        """The message of the last attempt that has one."""
        for attempt in reversed(self.history):
            if attempt.get("error"):
                return f"{attempt.get('error')}: {attempt.get('message', '')}"
        return ""


async def dead_letters(client: Redis, keys: Keys) -> AsyncIterator[DeadLetter]:
    """All dead letters, oldest first, a page a round trip."""
    start = "-"
    while True:
        page: Any = await client.xrange(keys.dead, start, "+", count=PAGE)
        for entry, fields in page:
            yield _letter(entry, fields)
        if len(page) < PAGE:
            return
        start = f"({page[-1][0].decode()}"


async def find_dead(client: Redis, keys: Keys, name: str) -> DeadLetter | None:
    """The newest dead letter whose own id or whose job id is *name*."""
    found = None
    async for letter in dead_letters(client, keys):
        if name in {letter.dead_entry, letter.id}:
            found = letter
    return found


async def replay(server: Server, keys: Keys, letter: DeadLetter) -> Replayed:
    """Make a dead job run again, from its first attempt and with its history."""
    code, _text = await server.run(
        _REPLAY,
        keys={
            **keys.streams,
            "dead": keys.dead,
            "counters": keys.counters,
            "job": keys.job(letter.id),
            "history": keys.history(letter.id),
        },
        args={
            "dead_entry": letter.dead_entry,
            "id": letter.id,
            "level": letter.priority.level,
        },
        rows=[((), (orjson.dumps(attempt),)) for attempt in letter.history],
    )
    return Replayed(code)


async def purge(server: Server, keys: Keys, letters: Sequence[DeadLetter]) -> int:
    """Delete dead letters for good; returns how many were still there.

    Raises:
        ValueError: more than `PAGE` letters.
    """
    if len(letters) > PAGE:
        raise ValueError(f"one call takes {PAGE} dead letters, got {len(letters)}")
    if not letters:
        return 0
    found: int = await server.run(
        _PURGE,
        keys={"dead": keys.dead, "counters": keys.counters},
        args={},
        rows=[
            ((keys.job(letter.id), keys.history(letter.id)), (letter.dead_entry,))
            for letter in letters
        ],
    )
    return found


def _letter(entry: bytes, fields: Mapping[bytes, bytes]) -> DeadLetter:
    named = {name.decode(errors="replace"): value for name, value in fields.items()}

    def text(name: str) -> str:
        return named.get(name, b"").decode(errors="replace")

    priority = Priority.of(text("priority"))
    return DeadLetter(
        dead_entry=entry.decode(),
        id=text("id") or derived_id(priority, text("entry")),
        kind=text("kind"),
        payload=named.get("payload", b""),
        priority=priority,
        cause=text("cause"),
        died_ms=int(named["died_ms"]),
        losses=int(named.get("losses", b"0")),
        history=tuple(orjson.loads(named.get("history", b"[]"))),
        fields=named,
    )
