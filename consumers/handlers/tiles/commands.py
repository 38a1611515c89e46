"""`millstream tiles`: forecasts in, tiles out."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import anyio
import typer
from pydantic import ValidationError

from consumers.errors import ConsumerError
from consumers.handlers.tiles.announce import AnnounceReport
from consumers.handlers.tiles.arguments import (
    Layer,
    in_one_line,
    installed_data,
    moment,
    numbers,
)
from consumers.handlers.tiles.catalog import LayerSummary
from consumers.handlers.tiles.dataerrors import iso_utc
from consumers.handlers.tiles.fetchcommands import fetch
from consumers.handlers.tiles.handler import Picture
from consumers.handlers.tiles.ingest import IngestReport, ingest_file
from consumers.handlers.tiles.listing import ingest_json, ingest_table, layers_json, layers_table
from consumers.handlers.tiles.matrixset import matrix_area
from consumers.handlers.tiles.origins import local_file
from consumers.handlers.tiles.stylecommands import gallery, legend, styles
from consumers.handlers.tiles.styles.library import StyleLibrary
from consumers.handlers.tiles.warmcommands import announce_, announce_here, schedule, warm
from consumers.handlers.tiles.wishes import announced_text
from producers.cli.boundary import CommandError, advising
from producers.cli.options import DEFAULT_URL, AsJson, RedisUrl
from producers.cli.output import new_console, write_json
from producers.errors import TooManyTilesError
from producers.payloads.tiles import SCALE_MAX, SIZE_PX_MAX, BoundingBox, RenderTile
from producers.tilegrid import Tile, tile_bbox
from producers.warming.rule import WarmRule
from producers.warming.warm import TILES_MAX

#: Numbers of a tile's address, and of a bounding box.
_ADDRESS_PARTS = 3
_BBOX_PARTS = 4

StyleName = Annotated[str, typer.Option("--style", "-s", help="How values become colours.")]
Time = Annotated[
    str | None,
    typer.Option("--time", help="Valid time, such as 2026-11-22T06:00Z.  [default: the latest]"),
]


class PictureFormat(StrEnum):
    """The formats of pictures (see `consumers.handlers.tiles.encoding`)."""

    PNG = "png"
    PNG32 = "png32"
    WEBP = "webp"
    JPEG = "jpeg"


app = typer.Typer(help="Weather maps: forecasts in, tiles out.", add_completion=False)


@app.callback()
def tiles() -> None:
    """Weather maps: forecasts in, tiles out."""


app.command()(styles)
app.command()(legend)
app.command()(gallery)
app.command()(fetch)
app.command()(warm)
app.command()(schedule)
app.command("announce")(announce_)


@app.command()
def ingest(
    file: Annotated[
        str,
        typer.Argument(
            help="A GRIB or NetCDF file, or a directory of Zarr: its path, or the http://, "
            "https:// or s3://bucket/key of a file."
        ),
    ],
    *,
    model: Annotated[
        str | None,
        typer.Option(help="First part of the layers' names.  [default: what the file says]"),
    ] = None,
    warm_rules: Annotated[
        list[str] | None,
        typer.Option(
            "--warm",
            metavar="LAYERS:STYLES:ZOOMS[:W,S,E,N]",
            help="Ask for these tiles of the new data, besides those of MILLSTREAM_TILES_WARM; "
            "more than once for several.",
        ),
    ] = None,
    redis_url: RedisUrl = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Make layers of a forecast file. All of it, or nothing where it is not whole.

    With --warm or MILLSTREAM_TILES_WARM the workers are asked for tiles of them, once.
    """
    report, warms = anyio.run(_ingest, file, model, _rules(warm_rules))
    if not as_json:
        new_console().print(ingest_table(report))
    announced: AnnounceReport | None = None
    try:
        if warms:
            with advising(
                "the layers are there, but not all of their tiles were asked for",
                "`millstream tiles announce` does it later",
            ):
                announced = anyio.run(announce_here, redis_url)
    finally:
        if as_json:
            write_json(ingest_json(report, announced))
    if announced is not None and not as_json:
        new_console().print(announced_text(announced))


@app.command()
def layers(*, as_json: AsJson = False) -> None:
    """List the layers that tiles can be drawn of."""
    found = anyio.run(_layers)
    if as_json:
        write_json(layers_json(found))
    else:
        new_console().print(layers_table(found))


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
    matrix_set: Annotated[
        str | None,
        typer.Option(help="Tile matrix set of --tile, such as UPSArcticWGS84Quad."),
    ] = None,
    size: Annotated[
        int, typer.Option(min=1, max=SIZE_PX_MAX, help="Edge of the picture in pixels.")
    ] = 256,
    scale: Annotated[
        int, typer.Option(min=1, max=SCALE_MAX, help="2 for screens with finer pixels.")
    ] = 1,
    picture_format: Annotated[
        PictureFormat, typer.Option("--format", help="Format of the file.")
    ] = PictureFormat.PNG,
    time: Time = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")],
) -> None:
    """Draw one tile into a file, here and now, without the queue."""
    if (tile is None) == (bbox is None):
        raise typer.BadParameter("name the place with either --tile or --bbox")
    valid = None if time is None else moment(time)
    if matrix_set is not None and tile is not None:
        crs, area = _matrix_area(matrix_set, tile)
    else:
        area = _area(tile, bbox, crs)
    job = _job(layer, style, crs, area, size, valid, scale=scale, picture_format=picture_format)
    picture = anyio.run(_render, job)
    try:
        output.write_bytes(picture.data)
    except OSError as error:
        raise CommandError(f"cannot write {output}: {error.strerror}") from error
    outside = "" if picture.covered else ", which does not cover this area: the picture is empty"
    new_console().print(
        f"{output}: {job.width_px} x {job.height_px} pixels, {len(picture.data)} bytes, "
        f"{layer} at {iso_utc(picture.dataset.valid_time)}{outside}"
    )


async def _ingest(
    origin: str, model: str | None, asked: Sequence[WarmRule]
) -> tuple[IngestReport, bool]:
    """What became of the file, and whether tiles of it are to be asked for."""
    console = new_console(stderr=True)
    async with installed_data() as data:
        rules = (*data.settings.warm_rules, *asked)
        _require_drawable(rules, data.styles)
        with console.status("Reading") as status:
            async with local_file(origin, data.settings) as file:
                report = await ingest_file(
                    file,
                    data.catalog,
                    data.store,
                    model=model,
                    rules=rules,
                    listener=lambda name: status.update(f"Stored {name}"),
                )
    return report, bool(rules)


async def _layers() -> list[LayerSummary]:
    async with installed_data() as data:
        return await data.catalog.layers()


async def _render(job: RenderTile) -> Picture:
    async with installed_data() as data:
        return await data.painter().paint(job)


def _rules(texts: Sequence[str] | None) -> list[WarmRule]:
    try:
        return [WarmRule.parse(text) for text in texts or ()]
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--warm") from error


def _require_drawable(rules: Sequence[WarmRule], library: StyleLibrary) -> None:
    """Refuse what no worker could draw before the file is read."""
    for rule in rules:
        for style in rule.styles:
            library.find(style)
        if (tiles := rule.pyramid.count) > TILES_MAX:
            raise TooManyTilesError(tiles, TILES_MAX)


def _job(
    layer: str,
    style: str,
    crs: str,
    area: BoundingBox,
    size: int,
    time: datetime | None,
    *,
    scale: int,
    picture_format: PictureFormat,
) -> RenderTile:
    try:
        return RenderTile(
            layer=layer,
            style=style,
            crs=crs,
            bbox=area,
            width=size,
            height=size,
            scale=scale,
            format=picture_format.value,
            time=time,
        )
    except ValidationError as error:
        raise CommandError(in_one_line(error)) from error


def _matrix_area(name: str, tile: str) -> tuple[str, BoundingBox]:
    try:
        z, x, y = numbers(tile, "/", _ADDRESS_PARTS, int)
        return matrix_area(name, Tile(z, x, y))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    except ConsumerError as error:
        raise CommandError(str(error)) from error


def _area(tile: str | None, bbox: str | None, crs: str) -> BoundingBox:
    try:
        if tile is not None:
            z, x, y = numbers(tile, "/", _ADDRESS_PARTS, int)
            return tile_bbox(Tile(z, x, y), crs)
        min_x, min_y, max_x, max_y = numbers(bbox or "", ",", _BBOX_PARTS, float)
        return BoundingBox(min_x=min_x, min_y=min_y, max_x=max_x, max_y=max_y)
    except ValueError as error:
        raise typer.BadParameter(in_one_line(error)) from error
