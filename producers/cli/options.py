"""Options that several commands share."""

from typing import Annotated

import typer

from streams.priority import LEVELS, Priority

#: Where the server is, if nobody says so.
DEFAULT_URL = "redis://127.0.0.1:6379"

RedisUrl = Annotated[
    str,
    typer.Option("--redis-url", envvar="REDIS_URL", help="The Redis that holds the jobs."),
]
QueueArgument = Annotated[str, typer.Argument(metavar="QUEUE", help="The queue's name.")]
LevelNames = Annotated[
    list[str] | None,
    typer.Option("--priority", "-p", help="Only this level; may be given again.  [default: all]"),
]
By = Annotated[str, typer.Option(envvar="USER", help="Who does so: is kept, and shown.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON instead of text.")]
QueueName = Annotated[
    str | None, typer.Option("--queue", "-q", help="Only this queue.  [default: all]")
]


def chosen_levels(names: list[str] | None) -> tuple[Priority, ...]:
    """The levels that *names* are; all without any.

    Raises:
        typer.BadParameter: one of them is none.
    """
    return tuple(dict.fromkeys(level_of(name) for name in names or ())) or LEVELS


def level_of(word: str) -> Priority:
    """The level that *word* names, a number 0-255 too.

    Raises:
        typer.BadParameter: it names none.
    """
    try:
        return Priority.of(int(word) if word.isdecimal() else word)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
