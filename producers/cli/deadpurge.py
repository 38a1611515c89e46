"""`millstream dead purge`: deleting dead letters for good."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import anyio
import orjson
import typer

from producers.cli.deadoptions import (
    Causes,
    Digests,
    DryRun,
    Errors,
    Everything,
    Kinds,
    Names,
    Since,
    Until,
    Words,
    letter_filter,
    require_choice,
)
from producers.cli.exportfile import exported_letters
from producers.cli.letters import Found, choose
from producers.cli.options import DEFAULT_URL, AsJson, QueueName, RedisUrl, Yes
from producers.cli.output import write_json
from producers.cli.session import visit
from streams.dead import PAGE, purge, still_there
from streams.letterfilter import LetterFilter
from streams.server import Server


@dataclass(frozen=True, slots=True)
class _Purge:
    """What is to be deleted: named letters, those of a filter, or those of an export."""

    url: str
    queue: str | None
    names: Sequence[str] | None
    wanted: LetterFilter
    exported: Path | None


def purge_(
    names: Names = None,
    *,
    everything: Everything = False,
    kinds: Kinds = None,
    causes: Causes = None,
    errors: Errors = None,
    digests: Digests = None,
    since: Since = None,
    until: Until = None,
    text: Words = "",
    older_than: Annotated[
        str | None, typer.Option(help="Died longer ago than this: `30d`.")
    ] = None,
    exported: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="Only letters that stand in this file of `export`."
        ),
    ] = None,
    queue: QueueName = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    redis_url: RedisUrl = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Delete dead letters for good, with the records of their jobs."""
    wanted = letter_filter(kinds, causes, errors, digests, since, until, text, older_than)
    if exported is None:
        require_choice(names, wanted, everything=everything)
    elif names:
        raise typer.BadParameter("name dead letters, or the file that they were exported to")
    doomed = _Purge(redis_url, queue, names, wanted, exported)
    if dry_run or not yes:
        count = anyio.run(_count, doomed)
        if dry_run:
            _say(as_json, f"{count} would be deleted; nothing was changed", would_delete=count)
            return
        if count == 0:
            _say(as_json, "No dead letter is meant.", deleted=0)
            return
        typer.confirm(f"Delete {count} dead letters for good?", abort=True, err=as_json)
    deleted = anyio.run(_purge, doomed)
    _say(as_json, f"{deleted} deleted", deleted=deleted)


def _say(as_json: bool, text: str, **numbers: int) -> None:  # noqa: FBT001 - local
    if as_json:
        write_json(orjson.dumps(numbers))
    else:
        typer.echo(text)


async def _pages(server: Server, doomed: _Purge) -> AsyncIterator[list[Found]]:
    """What is meant, in pages of one partition each."""
    letters = (
        exported_letters(doomed.exported, doomed.queue, doomed.wanted)
        if doomed.exported
        else (await choose(server, doomed.queue, doomed.names, doomed.wanted)).letters(server)
    )
    page: list[Found] = []
    async for found in letters:
        if page and (len(page) == PAGE or page[0].keys != found.keys):
            yield page
            page = []
        page.append(found)
    if page:
        yield page


async def _count(doomed: _Purge) -> int:
    count = 0
    async with visit(doomed.url) as server:
        async for page in _pages(server, doomed):
            letters = [found.letter for found in page]
            # An export also holds what was replayed or deleted since.
            gone = doomed.exported is not None
            here = await still_there(server.client, page[0].keys, letters) if gone else len(page)
            count += here
    return count


async def _purge(doomed: _Purge) -> int:
    """Delete page by page; returns how many were still there."""
    done = 0
    async with visit(doomed.url) as server:
        async for page in _pages(server, doomed):
            done += await purge(server, page[0].keys, [found.letter for found in page])
    return done
