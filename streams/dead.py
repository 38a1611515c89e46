"""The stream of dead letters: reading it page by page, finding one letter, deleting."""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from redis.asyncio import Redis

from streams.keys import Keys
from streams.letter import DeadLetter, letter_of
from streams.scripts.loader import load
from streams.server import Server

#: Letters read in one round trip, and deleted in one script call.
PAGE = 100
#: A page shrinks where letters are so large that it would be larger: a letter may have a
#: payload of 1 MiB and fifty attempts with their tracebacks.
PAGE_BYTES = 8 * 1024 * 1024

_ENTRY = re.compile(r"\d{1,19}-\d{1,19}\Z")
_PURGE = load("purge")


async def dead_letters(
    client: Redis, keys: Keys, *, first: str = "-", last: str = "+", newest_first: bool = False
) -> AsyncIterator[DeadLetter]:
    """Dead letters from *first* to *last*, a page a round trip, oldest first.

    Both are bounds as XRANGE has them: `-`, `+`, an entry's id, `(` before one that is left
    out, or Unix milliseconds. A page has up to `PAGE` letters, fewer where they are large.
    """
    count = PAGE
    while True:
        page: Any = (
            await client.xrevrange(keys.dead, last, first, count=count)
            if newest_first
            else await client.xrange(keys.dead, first, last, count=count)
        )
        for entry, fields in page:
            yield _letter(entry, fields)
        if len(page) < count:
            return
        edge = f"({page[-1][0].decode()}"
        first, last = (first, edge) if newest_first else (edge, last)
        count = _next_count(page)


async def last_letter(client: Redis, keys: Keys) -> str:
    """The id of the newest dead letter, empty where there is none.

    Whoever walks over the letters and makes jobs run again stops here, or would meet those
    that die again meanwhile, again and again.
    """
    newest: Any = await client.xrevrange(keys.dead, count=1)
    return str(newest[0][0].decode()) if newest else ""


async def count_letters(client: Redis, keys: Keys) -> int:
    """How many dead letters there are."""
    return int(await client.xlen(keys.dead))


async def find_dead(client: Redis, keys: Keys, name: str) -> DeadLetter | None:
    """The newest dead letter whose own id or whose job id is *name*.

    One or two round trips, except where the record of a job has expired: then the letters
    are searched.
    """
    return await look_up_dead(client, keys, name) or await search_dead(client, keys, name)


async def look_up_dead(client: Redis, keys: Keys, name: str) -> DeadLetter | None:
    """The letter that has the id *name*, or that the record of the job *name* points to."""
    if _ENTRY.match(name):
        here: Any = await client.xrange(keys.dead, name, name)
        if here:
            return _letter(*here[0])
    recorded: Any = await client.hget(keys.job(name), "dead_entry")
    if recorded:
        there: Any = await client.xrange(keys.dead, recorded, recorded)
        if there and (found := _letter(*there[0])).id == name:
            return found
    return None


async def search_dead(client: Redis, keys: Keys, name: str) -> DeadLetter | None:
    """The newest letter of the job *name*; reads all letters where there is none."""
    async for letter in dead_letters(client, keys, newest_first=True):
        if letter.id == name:
            return letter
    return None


async def still_there(client: Redis, keys: Keys, letters: Sequence[DeadLetter]) -> int:
    """How many of *letters* have not been replayed or deleted meanwhile.

    Raises:
        ValueError: more than `PAGE` letters.
    """
    _require_page(letters)
    async with client.pipeline(transaction=False) as pipe:
        for letter in letters:
            pipe.xrange(keys.dead, letter.dead_entry, letter.dead_entry)
        found = await pipe.execute()
    return sum(bool(each) for each in found)


async def purge(server: Server, keys: Keys, letters: Sequence[DeadLetter]) -> int:
    """Delete dead letters for good; returns how many were still there.

    Raises:
        ValueError: more than `PAGE` letters.
    """
    _require_page(letters)
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


def _require_page(letters: Sequence[DeadLetter]) -> None:
    if len(letters) > PAGE:
        raise ValueError(f"one call takes {PAGE} dead letters, got {len(letters)}")


def _next_count(page: Sequence[tuple[bytes, Mapping[bytes, bytes]]]) -> int:
    """How many letters of this size fit into a page."""
    size = sum(len(value) for _, fields in page for value in fields.values())
    return max(1, min(PAGE, PAGE_BYTES * len(page) // max(1, size)))


def _letter(entry: bytes, fields: Mapping[bytes, bytes]) -> DeadLetter:
    named = {name.decode(errors="replace"): value for name, value in fields.items()}
    return letter_of(entry.decode(), named)
