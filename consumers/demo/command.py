"""`millstream demo`: the whole service on this machine, for as long as you look at it."""

import os
from pathlib import Path
from typing import Annotated

import anyio
import typer

from consumers.demo.story import Plan, perform
from consumers.errors import ConsumerError
from producers.cli.boundary import CommandError
from producers.cli.output import new_console
from producers.errors import ProducerError
from streams.errors import StreamsError

app = typer.Typer(add_completion=False)


@app.command()
def demo(
    *,
    once: Annotated[bool, typer.Option("--once", help="End after the summary.")] = False,
    grib: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Show this GRIB file's forecast."),
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Port of the map.  [default: 8080]")
    ] = None,
    out: Annotated[
        Path, typer.Option(file_okay=False, help="For the contact sheet and the logs.")
    ] = Path("out"),
) -> None:
    """Render weather tiles on this machine and show them on a map.

    Starts a Redis, makes a forecast, starts two workers and a map, and draws 341 tiles.
    """
    plan = Plan(once, grib, port, out, dict(os.environ))
    mistakes: list[BaseException] = []
    status = 0
    try:
        status = anyio.run(perform, plan, new_console())
    except* (StreamsError, ProducerError, ConsumerError) as group:
        mistakes = _leaves(group)
    if mistakes:
        raise CommandError("; ".join(dict.fromkeys(str(each) for each in mistakes)))
    raise typer.Exit(status)


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found
