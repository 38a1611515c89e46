"""Options that say which dead letters are meant."""

import time
from collections.abc import Sequence
from typing import Annotated

import typer

from producers.cli.boundary import CommandError
from producers.cli.times import moment_ms, span_ms
from streams.letterfilter import LetterFilter

Names = Annotated[
    list[str] | None, typer.Argument(metavar="ID...", help="Names of dead letters or of jobs.")
]
Queue = Annotated[
    str | None, typer.Argument(metavar="QUEUE", help="Only this queue.  [default: all]")
]
Kinds = Annotated[
    list[str] | None, typer.Option("--kind", help="Of this kind; `tiles.*` for several.")
]
Causes = Annotated[
    list[str] | None, typer.Option("--cause", help="Whose cause begins so: `poison`.")
]
Errors = Annotated[list[str] | None, typer.Option("--error", help="With this class of error.")]
Digests = Annotated[
    list[str] | None,
    typer.Option("--fingerprint", "-f", help="Of this group (see `dead groups`)."),
]
Since = Annotated[str | None, typer.Option(help="Died at or after: `2h` ago, `2026-11-22T06:00`.")]
Until = Annotated[str | None, typer.Option(help="Died at or before: the same.")]
Words = Annotated[str, typer.Option("--text", help="With these words in error, payload or id.")]
Everything = Annotated[bool, typer.Option("--all", help="All dead letters there are now.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]


def letter_filter(
    kinds: Sequence[str] | None,
    causes: Sequence[str] | None,
    errors: Sequence[str] | None,
    digests: Sequence[str] | None,
    since: str | None,
    until: str | None,
    text: str,
    older_than: str | None = None,
) -> LetterFilter:
    """The filter that the options describe.

    Raises:
        CommandError: a moment or a span is none, or two options say different things.
        InvalidJobError: a fingerprint is none.
    """
    now_ms = time.time_ns() // 1_000_000
    if until is not None and older_than is not None:
        raise CommandError("--until and --older-than say the same thing: leave one out")
    until_ms = moment_ms(until, now_ms) if until is not None else None
    return LetterFilter(
        kinds=tuple(kinds or ()),
        causes=tuple(causes or ()),
        errors=tuple(errors or ()),
        digests=tuple(digests or ()),
        since_ms=moment_ms(since, now_ms) if since is not None else None,
        until_ms=now_ms - span_ms(older_than) if older_than is not None else until_ms,
        text=text,
    )


def require_choice(names: Sequence[str] | None, wanted: LetterFilter, *, everything: bool) -> None:
    """Refuse a command that names no letters, or names them in two ways.

    Raises:
        typer.BadParameter: so that nothing is replayed or deleted by an omission.
    """
    ways = (bool(names), not wanted.is_everything, everything)
    if not any(ways):
        raise typer.BadParameter("name dead letters, filter them (--kind, --error …), or say --all")
    if sum(ways) > 1:
        raise typer.BadParameter("name dead letters, or filter them, or say --all: one of these")
