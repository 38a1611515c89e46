"""Finding the dead letters that a command is about."""

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from producers.cli.boundary import CommandError
from producers.cli.session import chosen_queues
from streams.dead import count_letters, dead_letters, last_letter, look_up_dead, search_dead
from streams.keys import Keys
from streams.letter import DeadLetter
from streams.letterfilter import LetterFilter
from streams.server import Server

#: Letters that are read for one page of a list; a filter that rarely fits ends a page early.
SCANNED_MAX = 10_000

_CURSOR = re.compile(r"([a-z][a-z0-9_-]*):(\d{1,9})/(\d{1,19}-\d{1,19})")


@dataclass(frozen=True, slots=True)
class Found:
    """A dead letter and the partition that it lies in."""

    keys: Keys
    letter: DeadLetter

    @property
    def cursor(self) -> str:
        """What names this place between two pages of a list."""
        return f"{self.keys.queue}:{self.keys.partition}/{self.letter.dead_entry}"


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list, the newest letters of each queue first; no cursor at its end."""

    letters: list[Found]
    next_cursor: str
    total: int


@dataclass(frozen=True, slots=True)
class Choice:
    """The letters that a command is about, as they were when it began.

    Those that are added meanwhile are left out: a replayed job may die again at once, and
    would be met again and again.
    """

    named: list[Found]
    places: list[tuple[Keys, str]]
    wanted: LetterFilter

    async def letters(self, server: Server) -> AsyncIterator[Found]:
        """The letters, oldest first, queue by queue."""
        for found in self.named:
            yield found
        for keys, last in self.places:
            async for letter in dead_letters(
                server.client, keys, first=self.wanted.first, last=last
            ):
                if self.wanted.matches(letter):
                    yield Found(keys, letter)

    async def count(self, server: Server, limit: int | None = None) -> int:
        """How many letters there are, up to *limit*."""
        count = 0
        async for _ in self.letters(server):
            count += 1
            if count == limit:
                break
        return count


async def choose(
    server: Server, queue: str | None, names: Sequence[str] | None, wanted: LetterFilter
) -> Choice:
    """The letters with these *names*; without any those of *wanted*.

    Raises:
        CommandError: no such queue, or one of the names is not there.
    """
    if names:
        return Choice(await named_letters(server, queue, names), [], wanted)
    places: list[tuple[Keys, str]] = []
    for keys in await chosen_queues(server, queue):
        last = await last_letter(server.client, keys)
        if last:
            in_time = wanted.until_ms is not None and wanted.until_ms < int(last.partition("-")[0])
            places.append((keys, wanted.last if in_time else last))
    return Choice([], places, wanted)


async def read_page(
    server: Server, queue: str | None, wanted: LetterFilter, cursor: str, limit: int
) -> Page:
    """The *limit* letters behind *cursor*, newest first; costs what the page holds.

    Raises:
        CommandError: no such queue, or *cursor* is none of ours.
    """
    places = await chosen_queues(server, queue)
    total = sum([await count_letters(server.client, keys) for keys in places])
    rest, last = _behind(places, cursor)
    kept: list[Found] = []
    scanned = 0
    for keys in rest:
        found = dead_letters(
            server.client, keys, first=wanted.first, last=last or wanted.last, newest_first=True
        )
        last = ""
        async for letter in found:
            here = Found(keys, letter)
            scanned += 1
            if wanted.matches(letter):
                kept.append(here)
            if len(kept) == limit or scanned == SCANNED_MAX:
                return Page(kept, here.cursor, total)
    return Page(kept, "", total)


def _behind(places: list[Keys], cursor: str) -> tuple[list[Keys], str]:
    """The partitions that come after *cursor*, and the bound in the first of them."""
    if not cursor:
        return places, ""
    parts = _CURSOR.fullmatch(cursor)
    here = Keys(parts[1], int(parts[2])) if parts else None
    if parts is None or here not in places:
        raise CommandError(
            f"{cursor!r:.80} is no place in this list: a cursor is what the page before says"
        )
    return places[places.index(here) :], f"({parts[3]}"


async def named_letters(server: Server, queue: str | None, names: Sequence[str]) -> list[Found]:
    """The dead letters with these names: their own, or their job's (then the newest).

    Raises:
        CommandError: one of them is not there.
    """
    places = await chosen_queues(server, queue)
    found: dict[str, Found] = {}
    # Where a record names the letter nothing is searched; a search reads all letters.
    for look in (look_up_dead, search_dead):
        for name in dict.fromkeys(names):
            for keys in places:
                if name not in found and (letter := await look(server.client, keys, name)):
                    found[name] = Found(keys, letter)
    missing = [name for name in dict.fromkeys(names) if name not in found]
    if missing:
        where = f"the queue '{queue}'" if queue else "any queue"
        raise CommandError(
            f"there is no dead letter {' or '.join(map(repr, missing))} in {where}: "
            "`millstream dead list` shows those that there are"
        )
    # A letter may be named twice, by its own name and by its job's.
    return list({(each.keys, each.letter.dead_entry): each for each in found.values()}.values())
