"""`millstream dead export`: dead letters as lines of JSON, to be kept elsewhere."""

import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated

import anyio
import typer

from producers.cli.boundary import CommandError
from producers.cli.deadoptions import (
    Causes,
    Digests,
    Errors,
    Kinds,
    Since,
    Until,
    Words,
    letter_filter,
)
from producers.cli.exportfile import ExportFile
from producers.cli.options import DEFAULT_URL, RedisUrl
from producers.cli.session import chosen_queues, visit
from streams.dead import dead_letters, last_letter
from streams.letterfilter import LetterFilter
from streams.letterline import line_of


def export(
    queue: Annotated[str, typer.Argument(metavar="QUEUE", help="The queue.")],
    target: Annotated[str, typer.Argument(metavar="FILE", help="A file, or - for the output.")],
    *,
    kinds: Kinds = None,
    causes: Causes = None,
    errors: Errors = None,
    digests: Digests = None,
    since: Since = None,
    until: Until = None,
    text: Words = "",
    redis_url: RedisUrl = DEFAULT_URL,
) -> None:
    """Write dead letters to a file, complete, one a line, oldest first; deletes nothing.

    A file that is there is continued behind its last letter, also after an interruption.
    """
    wanted = letter_filter(kinds, causes, errors, digests, since, until, text)
    try:
        if target == "-":
            anyio.run(_export, redis_url, queue, wanted, None)
            sys.stdout.flush()
        else:
            _append(redis_url, queue, wanted, Path(target))
    except BrokenPipeError:
        # Whoever read the output has seen enough.
        raise
    except OSError as error:
        raise CommandError(
            f"cannot write to {target} ({error.strerror}): mend that and give the same command "
            "again; a file is continued behind its last letter"
        ) from error


def _append(url: str, queue: str, wanted: LetterFilter, path: Path) -> None:
    with closing(ExportFile(path, queue)) as file:
        more = "more " if file.reached else ""
        count = anyio.run(_export, url, queue, wanted, file)
    typer.echo(f"{count} {more}dead letters written to {path}")


async def _export(url: str, queue: str, wanted: LetterFilter, file: ExportFile | None) -> int:
    count = 0
    async with visit(url) as server:
        for keys in await chosen_queues(server, queue):
            last = await last_letter(server.client, keys)
            reached = file.reached.get(keys) if file else None
            if not last:
                continue
            first = f"({reached}" if reached else wanted.first
            async for letter in dead_letters(server.client, keys, first=first, last=last):
                if wanted.matches(letter):
                    _write(file, line_of(keys, letter))
                    count += 1
    return count


def _write(file: ExportFile | None, line: bytes) -> None:
    if file is None:
        sys.stdout.write(line.decode() + "\n")
    else:
        file.write(line)
