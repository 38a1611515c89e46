"""`millstream tiles`: forecasts in, tiles out."""

import os
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar

import anyio
import typer
from pydantic import ValidationError

from consumers.errors import ConsumerError
from consumers.handlers.tiles.catalog import LayerSummary
from consumers.handlers.tiles.dataerrors import iso_utc
from consumers.handlers.tiles.handler import Picture
from consumers.handlers.tiles.ingest import IngestReport, ingest_file
from consumers.handlers.tiles.listing import ingest_json, ingest_table, layers_json, layers_table
from consumers.handlers.tiles.styles import find_style
from consumers.handlers.tiles.system import TileData, open_data
from producers.batch import BatchReport
from producers.cli.boundary import CommandError
from producers.cli.options import DEFAULT_URL, AsJson, RedisUrl
from producers.cli.output import new_console, write_json
from producers.client import Producer
from producers.payloads.flaws import told
from producers.payloads.tiles import SIZE_PX_MAX, BoundingBox, RenderTile
from producers.tilegrid import ZOOM_MAX, Tile, count, tile_bbox
from producers.warming.tilejob import tile_job
from producers.warming.warm import WARM_PRIORITY, warm_layer

#: The queue that the workers of the tile system read.
QUEUE = "tiles"

#: More jobs than this are a slip of the keyboard: level 10 has a million tiles.
WARM_JOBS_MAX = 2_000_000

#: Numbers of a tile's address, and of a bounding box.
_ADDRESS_PARTS = 3
_BBOX_PARTS = 4

NumberT = TypeVar("NumberT", int, float)

Layer = Annotated[str, typer.Option("--layer", "-l", help="As `millstream tiles layers` shows it.")]
StyleName = Annotated[str, typer.Option("--style", "-s", help="How values become colours.")]
Time = Annotated[
    str | None,
    typer.Option("--time", help="Valid time, such as 2026-11-22T06:00Z.  [default: the latest]"),
]

app = typer.Typer(help="Weather maps: forecasts in, tiles out.", add_completion=False)


@app.callback()
def tiles() -> None:
    """Weather maps: forecasts in, tiles out."""


@app.command()
def ingest(
    file: Annotated[Path, typer.Argument(help="A GRIB 1 or GRIB 2 file.")],
    *,
    model: Annotated[
        str | None,
        typer.Option(help="First part of the layers' names.  [default: what the file says]"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make layers of a forecast file. All of it, or nothing where it is not whole."""
    report = anyio.run(_ingest, file, model)
    if as_json:
        write_json(ingest_json(report))
    else:
        new_console().print(ingest_table(report))


@app.command()
def layers(*, as_json: AsJson = False) -> None:
    """List the layers that tiles can be drawn of."""
    found = anyio.run(_layers)
    if as_json:
        write_json(layers_json(found))
    else:
        new_console().print(layers_table(found))


@app.command()
def warm(
    *,
    layer: Layer,
    style: StyleName = "default",
    max_zoom: Annotated[int, typer.Option(min=0, max=ZOOM_MAX, help="The last level.")],
    min_zoom: Annotated[int, typer.Option(min=0, max=ZOOM_MAX, help="The first level.")] = 0,
    time: Time = None,
    priority: Annotated[
        int, typer.Option(min=0, max=255, help="250 critical, 200 high, 100 normal, below: low.")
    ] = WARM_PRIORITY,
    unchecked: Annotated[
        bool, typer.Option("--unchecked", help="Do not look for the layer in the catalog first.")
    ] = False,
    redis_url: RedisUrl = DEFAULT_URL,
) -> None:
    """Ask the workers for every tile of some levels: 341 for the levels 0 to 4."""
    if min_zoom > max_zoom:
        raise typer.BadParameter(f"--min-zoom {min_zoom} is larger than --max-zoom {max_zoom}")
    if (jobs := count(max_zoom, min_zoom=min_zoom)) > WARM_JOBS_MAX:
        raise typer.BadParameter(f"that would be {jobs} jobs, at most {WARM_JOBS_MAX} are allowed")
    job = _job(layer, style, "EPSG:3857", tile_bbox(Tile(0, 0, 0)), 256, _moment(time))
    if not unchecked:
        anyio.run(_check, job)
    wanted = warm_layer(layer, style, max_zoom, min_zoom=min_zoom, time=job.time, priority=priority)
    report = anyio.run(_enqueue, wanted, redis_url)
    console = new_console()
    console.print(f"{report.accepted} jobs enqueued for {layer}, levels {min_zoom} to {max_zoom}.")
    if report.existing:
        console.print(f"{report.existing} more were waiting already.")
    if report.refused:
        raise CommandError(f"{report.refused} jobs found the queue full: run this again later")


@app.command()
def render(
    *,
    layer: Layer,
    style: StyleName = "default",
    tile: Annotated[str | None, typer.Option(help="Address of a tile, as z/x/y.")] = None,
    bbox: Annotated[
        str | None, typer.Option(help="Area, as min_x,min_y,max_x,max_y in units of --crs.")
    ] = None,
    crs: Annotated[str, typer.Option(help="Coordinate system.")] = "EPSG:3857",
    size: Annotated[
        int, typer.Option(min=1, max=SIZE_PX_MAX, help="Edge of the picture in pixels.")
    ] = 256,
    time: Time = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The PNG file to write.")],
) -> None:
    """Draw one tile into a file, here and now, without the queue."""
    if (tile is None) == (bbox is None):
        raise typer.BadParameter("name the place with either --tile or --bbox")
    job = _job(layer, style, crs, _area(tile, bbox, crs), size, _moment(time))
    picture = anyio.run(_render, job)
    try:
        output.write_bytes(picture.png)
    except OSError as error:
        raise CommandError(f"cannot write {output}: {error.strerror}") from error
    outside = "" if picture.covered else ", which does not cover this area: the picture is empty"
    new_console().print(
        f"{output}: {size} x {size} pixels, {len(picture.png)} bytes, "
        f"{layer} at {iso_utc(picture.dataset.valid_time)}{outside}"
    )


async def _ingest(file: Path, model: str | None) -> IngestReport:
    console = new_console(stderr=True)
    async with _data() as data:
        with console.status(f"Reading {file.name}") as status:
            return await ingest_file(
                file,
                data.catalog,
                data.store,
                model=model,
                listener=lambda name: status.update(f"Stored {name}"),
            )


async def _layers() -> list[LayerSummary]:
    async with _data() as data:
        return await data.catalog.layers()


async def _check(job: RenderTile) -> None:
    """Refuse a layer, time or style that no worker could draw, before 341 jobs fail."""
    async with _data() as data:
        found = await data.catalog.find(job.layer, job.time, now=datetime.now(tz=UTC))
        find_style(job.style, found.value_range)


async def _enqueue(wanted: Iterable[RenderTile], redis_url: str) -> BatchReport:
    async with Producer.connect(redis_url, queue=QUEUE) as producer:
        return await producer.enqueue_many(tile_job(tile) for tile in wanted)


async def _render(job: RenderTile) -> Picture:
    async with _data() as data:
        return await data.painter().paint(job)


@asynccontextmanager
async def _data() -> AsyncGenerator[TileData]:
    """Catalog and store of this environment; what goes wrong in the block is told in a line."""
    try:
        async with open_data(os.environ) as data:
            yield data
    except ConsumerError as error:
        raise CommandError(str(error)) from error


def _job(
    layer: str, style: str, crs: str, area: BoundingBox, size: int, time: datetime | None
) -> RenderTile:
    try:
        return RenderTile(
            layer=layer, style=style, crs=crs, bbox=area, width=size, height=size, time=time
        )
    except ValidationError as error:
        raise CommandError(_told(error)) from error


def _area(tile: str | None, bbox: str | None, crs: str) -> BoundingBox:
    try:
        if tile is not None:
            z, x, y = _numbers(tile, "/", _ADDRESS_PARTS, int)
            return tile_bbox(Tile(z, x, y), crs)
        min_x, min_y, max_x, max_y = _numbers(bbox or "", ",", _BBOX_PARTS, float)
        return BoundingBox(min_x=min_x, min_y=min_y, max_x=max_x, max_y=max_y)
    except ValueError as error:
        raise typer.BadParameter(_told(error)) from error


def _numbers(text: str, separator: str, parts: int, kind: type[NumberT]) -> list[NumberT]:
    try:
        numbers = [kind(part) for part in text.split(separator)]
    except ValueError:
        numbers = []
    if len(numbers) != parts:
        raise ValueError(f"expected {parts} numbers with '{separator}' between them, got {text!r}")
    return numbers


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no time: expected such as 2026-11-22T06:00Z"
        ) from None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _told(error: ValueError) -> str:
    """What is wrong with the values of a job, in one line."""
    return told(error, whole="value") if isinstance(error, ValidationError) else str(error)
