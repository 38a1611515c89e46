"""`millstream tiles fetch`: parts of forecasts that are published as open data."""

import re
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import anyio
import orjson
import typer

from consumers.handlers.tiles.arguments import moment
from consumers.handlers.tiles.dataerrors import TilesDataError
from consumers.handlers.tiles.feeds import FEEDS, Feed
from consumers.handlers.tiles.feeds import fetch as fetched
from consumers.handlers.tiles.gribindex import Wish
from producers.cli.boundary import CommandError
from producers.cli.options import AsJson
from producers.cli.output import new_console, write_json

_HOURS: Final = re.compile(r"(\d{1,3})(?:-(\d{1,3})(?::([1-9]\d{0,2}))?)?")


class FeedName(StrEnum):
    """The models that can be fetched (see `consumers.handlers.tiles.feeds`)."""

    GFS = "gfs"
    HRRR = "hrrr"


def fetch(
    feed: Annotated[FeedName, typer.Argument(help="The model.")],
    *,
    run: Annotated[str, typer.Option(help="Start of the forecast, such as 2026-11-22T06:00Z.")],
    hours: Annotated[
        str, typer.Option(help="Hours ahead of it, such as 0-48:3,60: every third, and one more.")
    ],
    parameters: Annotated[
        str,
        typer.Option(help="As in layers, such as TMP:2m,UGRD:10m,VGRD:10m; * and ? for letters."),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The directory to write files into.")
    ] = Path(),
    base_url: Annotated[
        str | None, typer.Option(help="A mirror.  [default: NOAA's bucket at Amazon]")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Download parts of GFS or HRRR from NOAA's open data: a GRIB file for each hour, or none."""
    source = FEEDS[feed]
    files = anyio.run(
        _fetch, source, _run(run), _hours(hours, source), _wishes(parameters), output, base_url
    )
    sizes = [(str(file), file.stat().st_size) for file in files]
    if as_json:
        write_json(orjson.dumps([{"file": name, "bytes": size} for name, size in sizes]))
        return
    console = new_console()
    for name, size in sizes:
        console.print(f"{name}: {size} bytes", highlight=False, soft_wrap=True)
    console.print("`millstream tiles ingest FILE` makes layers of each.", highlight=False)


async def _fetch(
    feed: Feed,
    run: datetime,
    hours: Sequence[int],
    wishes: Sequence[Wish],
    folder: Path,
    base_url: str | None,
) -> list[Path]:
    with new_console(stderr=True).status("Asking for the index") as status:
        try:
            return await fetched(
                feed,
                run,
                hours,
                wishes,
                folder,
                base_url=base_url,
                listener=lambda name: status.update(f"Fetching {name}"),
            )
        except TilesDataError as error:
            raise CommandError(str(error)) from error


def _run(text: str) -> datetime:
    run = moment(text)
    if run.replace(minute=0, second=0, microsecond=0) != run:
        raise typer.BadParameter(f"{text!r} is no run: they start at full hours")
    return run


def _hours(text: str, feed: Feed) -> list[int]:
    hours: set[int] = set()
    for part in text.split(","):
        match = _HOURS.fullmatch(part.strip())
        if match is None:
            raise typer.BadParameter(f"{part!r} are no hours: expected such as 6 or 0-48:3")
        first, last, step = int(match[1]), int(match[2] or match[1]), int(match[3] or 1)
        if not first <= last <= feed.hour_max:
            raise typer.BadParameter(
                f"{part!r}: {feed.name} has the hours 0 to {feed.hour_max}, the smaller one first"
            )
        hours |= set(range(first, last + 1, step))
    return sorted(hours)


def _wishes(text: str) -> list[Wish]:
    try:
        return [Wish.parse(part) for part in text.split(",")]
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
