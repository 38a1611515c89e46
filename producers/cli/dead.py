"""`millstream dead`: what died, why, and making it run again."""

import sys
import time
from collections.abc import Sequence
from typing import Annotated

import anyio
import typer

from producers.cli import deadtable
from producers.cli.deadexport import export
from producers.cli.deadoptions import (
    Causes,
    Digests,
    Errors,
    Kinds,
    Queue,
    Since,
    Until,
    Words,
    letter_filter,
)
from producers.cli.deadpurge import purge_
from producers.cli.deadreplay import replay_
from producers.cli.letters import Found, Page, choose, named_letters, read_page
from producers.cli.options import DEFAULT_URL, AsJson, QueueName, RedisUrl
from producers.cli.output import new_console, write_json
from producers.cli.session import visit
from streams.letterfilter import LetterFilter
from streams.lettergroups import LetterGroup, LetterGroups

app = typer.Typer(help="Jobs that ended without success.", add_completion=False)


@app.callback()
def dead() -> None:
    """Jobs that ended without success."""


@app.command("list")
def list_(
    queue: Queue = None,
    *,
    kinds: Kinds = None,
    causes: Causes = None,
    errors: Errors = None,
    digests: Digests = None,
    since: Since = None,
    until: Until = None,
    text: Words = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Letters a page.")] = 50,
    cursor: Annotated[str, typer.Option(help="Go on where the page before has ended.")] = "",
    redis_url: RedisUrl = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """List dead letters, the newest first, a page at a time."""
    wanted = letter_filter(kinds, causes, errors, digests, since, until, text)
    page = anyio.run(_page, redis_url, queue, wanted, cursor, limit)
    if not as_json:
        new_console().print(deadtable.listing(page, filtered=not wanted.is_everything))
        return
    for found in page.letters:
        write_json(deadtable.line(found))
    if page.next_cursor:
        sys.stderr.write(f"next page: --cursor {page.next_cursor}\n")


@app.command()
def groups(
    queue: Queue = None,
    *,
    kinds: Kinds = None,
    causes: Causes = None,
    errors: Errors = None,
    digests: Digests = None,
    since: Since = None,
    until: Until = None,
    text: Words = "",
    limit: Annotated[int, typer.Option(min=1, max=1001, help="The largest so many.")] = 50,
    redis_url: RedisUrl = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Count dead letters by what they died of; reads all of them, page by page."""
    wanted = letter_filter(kinds, causes, errors, digests, since, until, text)
    found, total = anyio.run(_groups, redis_url, queue, wanted)
    if as_json:
        for group in found[:limit]:
            write_json(deadtable.group_line(group))
    else:
        new_console().print(deadtable.groups(found, total, limit, time.time_ns() // 1_000_000))


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="ID", help="A dead letter's name or a job's id.")],
    *,
    queue: QueueName = None,
    redis_url: RedisUrl = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Show everything about one dead letter: attempts, traceback, payload."""
    letters = anyio.run(_named, redis_url, queue, [name])
    if as_json:
        write_json(deadtable.line(letters[0]))
    else:
        new_console().print(deadtable.full(letters[0], time.time_ns() // 1_000_000))


app.command("replay")(replay_)
app.command("purge")(purge_)
app.command("export")(export)


async def _page(url: str, queue: str | None, wanted: LetterFilter, cursor: str, limit: int) -> Page:
    async with visit(url) as server:
        return await read_page(server, queue, wanted, cursor, limit)


async def _groups(
    url: str, queue: str | None, wanted: LetterFilter
) -> tuple[list[LetterGroup], int]:
    counted = LetterGroups()
    async with visit(url) as server:
        choice = await choose(server, queue, None, wanted)
        async for found in choice.letters(server):
            counted.add(found.keys.queue, found.letter)
    return counted.largest_first(), counted.total


async def _named(url: str, queue: str | None, names: Sequence[str]) -> list[Found]:
    async with visit(url) as server:
        return await named_letters(server, queue, names)
