"""A page with a picture of every style, drawn from a made-up forecast."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import anyio
from PIL import Image

from consumers.handlers.tiles.catalog import LayerSummary
from consumers.handlers.tiles.encoding import BACKGROUND
from consumers.handlers.tiles.gallerydata import RUN, gallery_fields
from consumers.handlers.tiles.ingest import ingest_fields
from consumers.handlers.tiles.styles.document import Coloured
from consumers.handlers.tiles.styles.legend import legend_of
from consumers.handlers.tiles.styles.legendpicture import legend_png
from consumers.handlers.tiles.styles.library import Style, StyleLibrary
from consumers.handlers.tiles.system import TileData, open_data
from producers.payloads.tiles import BoundingBox, RenderTile

#: The map: the North Atlantic, Europe and the north of Africa.
AREA: Final = BoundingBox(min_x=-60.0, min_y=8.0, max_x=36.0, max_y=68.0)
WIDTH_PX: Final = 400
HEIGHT_PX: Final = 250

#: Where the pictures lie, seen from the page.
IMAGES: Final = Path("images", "styles")
PAGE: Final = "gallery.md"

#: Colours of a picture that has more of them: it is only looked at, and half as large.
_COLOURS: Final = 128

#: What lies below a style that would not be seen on white.
_GROUNDS: Final = {"cloud": "#5d7f9c"}

_HEAD = """# Gallery

Every style that comes with the renderer, drawn from a forecast that the program makes itself
(`millstream tiles gallery`). Fields that this forecast lacks follow from it by rules of thumb.
Pictures of lines, signs and several layers are reduced to 128 colours here. [Styles](styles.md)
says how styles are written.
"""

#: Hears the name of each style when its picture is there.
Listener = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class GalleryReport:
    """What was written: the page, and how many pictures of how many bytes."""

    page: Path
    pictures: int
    total_bytes: int


async def write_gallery(docs: Path, styles: StyleLibrary, listener: Listener) -> GalleryReport:
    """Draw every style into *docs* and write the page that shows them.

    Raises:
        OSError: a file cannot be written.
    """
    images = docs / IMAGES
    images.mkdir(parents=True, exist_ok=True)
    entries: list[str] = []
    total_bytes = 0
    with TemporaryDirectory(prefix="millstream-gallery-") as directory:
        async with open_data({"MILLSTREAM_DATA_DIR": directory}) as data:
            shown = TileData(data.settings, data.catalog, data.store, styles)
            await ingest_fields(gallery_fields(), data.catalog, data.store)
            layers = await data.catalog.layers()
            for name in styles.names:
                style = styles.find(name)
                picture = await _picture(shown, style, layers)
                legend = await _legend(shown, style, layers)
                await anyio.Path(images / f"{name}.png").write_bytes(picture)
                await anyio.Path(images / f"{name}-legend.png").write_bytes(legend)
                total_bytes += len(picture) + len(legend)
                entries.append(_entry(style))
                listener(name)
    page = docs / PAGE
    await anyio.Path(page).write_text("\n".join([_HEAD, *entries]), encoding="utf-8")
    return GalleryReport(page, len(entries), total_bytes)


async def _picture(data: TileData, style: Style, layers: Sequence[LayerSummary]) -> bytes:
    layer = _layer(style, layers)
    tile = RenderTile(
        layer=layer,
        style=style.name,
        crs="EPSG:4326",
        bbox=AREA,
        width=WIDTH_PX,
        height=HEIGHT_PX,
    )
    drawn = await data.painter(lambda: RUN).paint(tile)
    if isinstance(style.document, Coloured) and style.name not in _GROUNDS:
        return drawn.data
    return _on_ground(drawn.data, _GROUNDS.get(style.name, BACKGROUND))


async def _legend(data: TileData, style: Style, layers: Sequence[LayerSummary]) -> bytes:
    found = await data.catalog.find(_layer(style, layers), None, now=RUN)
    return legend_png(legend_of(data.styles, style.name, found.value_range))


def _layer(style: Style, layers: Sequence[LayerSummary]) -> str:
    """The first layer that *style* is made for; the temperature for one that takes any."""
    fits = style.document.fits or ("TMP",)
    by_parameter = {layer.name.parameter: str(layer.name) for layer in layers}
    return next(by_parameter[parameter] for parameter in fits if parameter in by_parameter)


def _on_ground(picture: bytes, ground: str) -> bytes:
    """*picture* on a colour and with a palette, which needs half of the bytes."""
    with Image.open(BytesIO(picture)) as drawn, BytesIO() as file:
        sheet = Image.new("RGB", drawn.size, ground)
        seen = drawn.convert("RGBA")
        sheet.paste(seen, (0, 0), seen)
        sheet.quantize(_COLOURS, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
        return file.getvalue()


def _entry(style: Style) -> str:
    document = style.document
    fits = f" For {', '.join(document.fits)}." if document.fits else ""
    return "\n".join(
        (
            f"## {style.name}",
            "",
            f"`{document.type}`. {document.about or document.title}{fits}",
            "",
            f"![{document.title}]({IMAGES.as_posix()}/{style.name}.png)",
            "",
            f"![Legend]({IMAGES.as_posix()}/{style.name}-legend.png)",
            "",
        )
    )
