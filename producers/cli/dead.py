"""`millstream dead`: what died, why, and making it run again."""

import time
from collections.abc import AsyncIterator, Sequence
from typing import Annotated

import anyio
import typer

from producers.cli import deadtable
from producers.cli.boundary import CommandError
from producers.cli.letters import Found, all_letters, named_letters, newest_letters
from producers.cli.options import DEFAULT_URL, AsJson, QueueName, RedisUrl
from producers.cli.output import new_console, write_json
from producers.cli.session import visit
from producers.cli.text import plain
from streams.dead import PAGE, Replayed, purge, replay
from streams.server import Server

Names = Annotated[
    list[str] | None, typer.Argument(metavar="ID...", help="Names of dead letters or of jobs.")
]
All = Annotated[bool, typer.Option("--all", help="All dead letters there are now.")]

_SAYS = {
    Replayed.READY: "runs again",
    Replayed.UNKNOWN: "was replayed or purged by somebody else meanwhile",
    Replayed.LIVE: "left alone: a job with this id lives already",
    Replayed.BODY_LOST: "cannot run: its entry was deleted before it died",
}

app = typer.Typer(help="Jobs that ended without success.", add_completion=False)


@app.callback()
def dead() -> None:
    """Jobs that ended without success."""


@app.command("list")
def list_(
    *,
    queue: QueueName = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The newest so many.")] = 100,
    redis_url: RedisUrl = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """List dead letters, grouped by queue, kind and error."""
    letters, total = anyio.run(_newest, redis_url, queue, limit)
    if as_json:
        write_json(deadtable.as_json(letters))
    else:
        new_console().print(deadtable.listing(letters, total))


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
        write_json(deadtable.as_json(letters))
    else:
        new_console().print(deadtable.full(letters[0], time.time_ns() // 1_000_000))


@app.command("replay")
def replay_(
    names: Names = None,
    *,
    everything: All = False,
    queue: QueueName = None,
    redis_url: RedisUrl = DEFAULT_URL,
) -> None:
    """Make dead jobs run again, from their first attempt and with their history."""
    _require_choice(names, everything)
    left = anyio.run(_replay, redis_url, queue, names)
    if left:
        raise CommandError(f"{left} of the dead letters were not replayed; see above")


@app.command("purge")
def purge_(
    names: Names = None,
    *,
    everything: All = False,
    queue: QueueName = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    redis_url: RedisUrl = DEFAULT_URL,
) -> None:
    """Delete dead letters for good."""
    _require_choice(names, everything)
    if not yes:
        count = anyio.run(_count, redis_url, queue, names)
        if count == 0:
            typer.echo("There are no dead letters.")
            return
        typer.confirm(f"Delete {count} dead letters for good?", abort=True)
    typer.echo(f"{anyio.run(_purge, redis_url, queue, names)} deleted")


def _require_choice(names: Sequence[str] | None, everything: bool) -> None:  # noqa: FBT001 - local
    if bool(names) == everything:
        raise typer.BadParameter("name dead letters, or say --all")


async def _newest(url: str, queue: str | None, limit: int) -> tuple[list[Found], int]:
    async with visit(url) as server:
        return await newest_letters(server, queue, limit)


async def _named(url: str, queue: str | None, names: Sequence[str]) -> list[Found]:
    async with visit(url) as server:
        return await named_letters(server, queue, names)


async def _chosen(
    server: Server, queue: str | None, names: Sequence[str] | None
) -> AsyncIterator[Found]:
    """The letters with these *names*, without any all of them."""
    if names:
        for found in await named_letters(server, queue, names):
            yield found
    else:
        async for found in all_letters(server, queue):
            yield found


async def _replay(url: str, queue: str | None, names: Sequence[str] | None) -> int:
    """Replay and say so, letter by letter; returns how many could not be."""
    done = left = 0
    async with visit(url) as server:
        async for found in _chosen(server, queue, names):
            result = await replay(server, found.keys, found.letter)
            done += result is Replayed.READY
            left += result is not Replayed.READY
            typer.echo(f"{plain(found.letter.id)}: {_SAYS[result]}")
    typer.echo(f"{done} replayed")
    return left


async def _count(url: str, queue: str | None, names: Sequence[str] | None) -> int:
    async with visit(url) as server:
        return sum([1 async for _ in _chosen(server, queue, names)])


async def _purge(url: str, queue: str | None, names: Sequence[str] | None) -> int:
    """Delete page by page, one queue after the other; returns how many were still there."""
    done = 0
    page: list[Found] = []
    async with visit(url) as server:
        async for found in _chosen(server, queue, names):
            if page and (len(page) == PAGE or page[0].keys != found.keys):
                done += await _purge_page(server, page)
                page = []
            page.append(found)
        if page:
            done += await _purge_page(server, page)
    return done


async def _purge_page(server: Server, page: Sequence[Found]) -> int:
    return await purge(server, page[0].keys, [found.letter for found in page])
