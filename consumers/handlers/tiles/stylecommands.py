"""`millstream tiles styles` and `legend`."""

import os
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import anyio
import orjson
import typer
from rich.console import Group, RenderableType
from rich.text import Text

from consumers.errors import ConsumerError
from consumers.handlers.tiles.arguments import installed_data
from consumers.handlers.tiles.gallery import GalleryReport, write_gallery
from consumers.handlers.tiles.settings import TilesSettings
from consumers.handlers.tiles.styles.colouring import ValueRange
from consumers.handlers.tiles.styles.legend import Legend, legend_of
from consumers.handlers.tiles.styles.legendpicture import legend_png
from consumers.handlers.tiles.styles.library import StyleLibrary, open_library
from producers.cli.boundary import CommandError
from producers.cli.options import AsJson
from producers.cli.output import cell, new_console, new_table, write_json
from producers.payloads.tiles import SCALE_MAX


class Orientation(StrEnum):
    """How a legend is turned."""

    HORIZONTAL = "horizontal"
    VERTICAL = "vertical"


def styles(*, as_json: AsJson = False) -> None:
    """List the styles that tiles can be drawn in, and what is wrong with others.

    Ends with 1 where a style of `MILLSTREAM_TILES_STYLES` cannot be used.
    """
    library = _library()
    if as_json:
        write_json(_styles_json(library))
    else:
        new_console().print(_styles_table(library))
    if library.flaws:
        raise typer.Exit(1)


def legend(
    *,
    style: Annotated[
        str, typer.Option("--style", "-s", help="As `millstream tiles styles` shows.")
    ],
    layer: Annotated[
        str | None,
        typer.Option("--layer", "-l", help="For a style that takes its range from the layer."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The PNG file to write.")
    ] = None,
    orientation: Annotated[
        Orientation, typer.Option(help="Lying or standing.")
    ] = Orientation.HORIZONTAL,
    scale: Annotated[
        int, typer.Option(min=1, max=SCALE_MAX, help="2 for screens with finer pixels.")
    ] = 1,
    as_json: AsJson = False,
) -> None:
    """Write what the colours, lines and signs of a style mean: as a picture or as JSON."""
    if (output is None) != as_json:
        raise typer.BadParameter("say what to write: either --output FILE or --json")
    found = anyio.run(_legend, style, layer)
    if output is None:
        write_json(orjson.dumps(found.to_json(), option=orjson.OPT_INDENT_2))
        return
    try:
        output.write_bytes(legend_png(found, orientation=orientation.value, scale=scale))
    except OSError as error:
        raise CommandError(f"cannot write {output}: {error.strerror}") from error
    new_console().print(f"{output}: the legend of {style}")


def gallery(
    *,
    out: Annotated[Path, typer.Option("--out", help="The folder of the page.")] = Path("docs"),
) -> None:
    """Write a page with a picture of every style, drawn from a made-up forecast."""
    library = _library()
    console = new_console(stderr=True)

    async def write() -> GalleryReport:
        with console.status("Making a forecast") as status:
            return await write_gallery(out, library, lambda name: status.update(f"Drawn: {name}"))

    try:
        report = anyio.run(write)
    except OSError as error:
        raise CommandError(f"cannot write into {out}: {error.strerror}") from error
    except ConsumerError as error:
        raise CommandError(str(error)) from error
    new_console().print(
        f"{report.page}: {report.pictures} styles, {report.total_bytes / 1000:.0f} kB of pictures"
    )


async def _legend(style: str, layer: str | None) -> Legend:
    try:
        if layer is None:
            return legend_of(_library(), style, None)
        async with installed_data() as data:
            found = await data.catalog.find(layer, None, now=datetime.now(tz=UTC))
            value_range: ValueRange | None = found.value_range
            return legend_of(data.styles, style, value_range)
    except ConsumerError as error:
        raise CommandError(str(error)) from error


def _library() -> StyleLibrary:
    """The styles of this environment; no catalog is needed for them."""
    try:
        return open_library(TilesSettings.from_environment(os.environ).styles_dir)
    except ConsumerError as error:
        raise CommandError(str(error)) from error


def _styles_table(library: StyleLibrary) -> RenderableType:
    table = new_table("Styles", ["style", "type", "for", "units", "about"])
    table.columns[0].no_wrap = True
    for name in library.names:
        document = library.find(name).document
        table.add_row(
            cell(name),
            document.type,
            cell(" ".join(document.fits) or "any"),
            cell(document.shown_units),
            cell(document.about or document.title),
        )
    flaws = [Text(f"  {flaw}") for flaw in library.flaws.values()]
    return Group(table, *flaws)


def _styles_json(library: StyleLibrary) -> bytes:
    found = [library.find(name) for name in library.names]
    return orjson.dumps(
        {
            "styles": [
                {
                    "style": style.name,
                    "version": style.version,
                    "type": style.document.type,
                    "title": style.document.title,
                    "about": style.document.about,
                    "for": style.document.fits,
                    "units": style.document.shown_units,
                }
                for style in found
            ],
            "unusable": dict(library.flaws),
        },
        option=orjson.OPT_INDENT_2,
    )
