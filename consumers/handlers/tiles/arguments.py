"""What several commands of `millstream tiles` are told, and how it is read."""

import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, TypeVar

import typer
from pydantic import ValidationError

from consumers.errors import ConsumerError
from consumers.handlers.tiles.system import TileData, open_data
from producers.cli.boundary import CommandError
from producers.payloads.flaws import told
from producers.tilearea import Area
from producers.tilegrid import ZOOM_MAX
from producers.warming.pyramid import Pyramid, degrees

#: The queue that the workers of the tile system read.
QUEUE = "tiles"

NumberT = TypeVar("NumberT", int, float)

Layer = Annotated[str, typer.Option("--layer", "-l", help="As `millstream tiles layers` shows it.")]
StyleNames = Annotated[
    list[str] | None,
    typer.Option("--style", "-s", help="How values become colours; more than once for several."),
]
MaxZoom = Annotated[int, typer.Option(min=0, max=ZOOM_MAX, help="The last level.")]
MinZoom = Annotated[int, typer.Option(min=0, max=ZOOM_MAX, help="The first level.")]
Box = Annotated[
    str | None,
    typer.Option(
        "--bbox",
        metavar="W,S,E,N",
        help="Only this area, in degrees, whatever --crs is; over the dateline where east is "
        "less than west.  [default: the world]",
    ),
]
TileCrs = Annotated[str, typer.Option("--crs", help="EPSG:3857, EPSG:4326 or CRS:84.")]
Unchecked = Annotated[
    bool, typer.Option("--unchecked", help="Do not look for the layer in the catalog first.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say how many tiles that would be.")]


def pyramid_of(min_zoom: int, max_zoom: int, box: str | None, crs: str) -> Pyramid:
    """The tiles that the options name.

    Raises:
        typer.BadParameter: there are no such levels, no such area or no tiles in *crs*.
    """
    if min_zoom > max_zoom:
        raise typer.BadParameter(f"--min-zoom {min_zoom} is larger than --max-zoom {max_zoom}")
    try:
        area = Area(crs) if box is None else Area.of_degrees(*degrees(box), crs)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    return Pyramid(max_zoom, min_zoom, area)


def moment(text: str) -> datetime:
    """A moment in UTC; one without a zone is in UTC already.

    Raises:
        typer.BadParameter: *text* is none.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no time: expected such as 2026-11-22T06:00Z"
        ) from None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def moments(texts: Sequence[str] | None) -> list[datetime]:
    """Several moments, each once.

    Raises:
        typer.BadParameter: one of *texts* is none.
    """
    return list(dict.fromkeys(map(moment, texts or ())))


def numbers(text: str, separator: str, parts: int, kind: type[NumberT]) -> list[NumberT]:
    """The *parts* numbers of *text*.

    Raises:
        ValueError: there are more or fewer, or they are no numbers.
    """
    try:
        found = [kind(part) for part in text.split(separator)]
    except ValueError:
        found = []
    if len(found) != parts:
        raise ValueError(f"expected {parts} numbers with '{separator}' between them, got {text!r}")
    return found


def in_one_line(error: ValueError) -> str:
    """What is wrong with the values of a job."""
    return told(error, whole="value") if isinstance(error, ValidationError) else str(error)


@asynccontextmanager
async def installed_data() -> AsyncGenerator[TileData]:
    """Catalog and store of this environment; what goes wrong in the block is told in a line."""
    try:
        async with open_data(os.environ) as data:
            yield data
    except ConsumerError as error:
        raise CommandError(str(error)) from error
