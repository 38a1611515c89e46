"""The contact sheet: all tiles of one zoom as one picture, with title, degrees and legend."""

from collections.abc import Sequence
from io import BytesIO
from math import asinh, pi, radians, tan
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from producers.gateway.layers import MapLayer, MapStyle
from producers.payloads.tiles import RenderTile
from producers.tilegrid import bbox_tile

TILE_PX = 256
MARGIN_PX = 46
TITLE_PX = 78
LEGEND_PX = 84
RAMP_PX = 20

_PAPER = "#ffffff"
_INK = "#1b2733"
_QUIET = "#5d6b78"
_MISSING = "#e8ecf0"
_GRID = (27, 39, 51, 70)
_MERIDIANS = range(-180, 181, 45)
_PARALLELS = (-80, -60, -40, -20, 0, 20, 40, 60, 80)


def write_sheet(
    path: Path, layer: MapLayer, tiles: Sequence[RenderTile], pictures: Sequence[bytes | None]
) -> None:
    """Write the PNG of *pictures*, which are those of *tiles*, a whole zoom, in its order.

    A picture that is None stays grey.
    """
    addresses = [bbox_tile(tile.bbox) for tile in tiles]
    edge_px = TILE_PX << addresses[0].z
    mosaic = Image.new("RGB", (edge_px, edge_px), _MISSING)
    for tile, picture in zip(addresses, pictures, strict=True):
        if picture is not None:
            drawn = Image.open(BytesIO(picture)).convert("RGBA")
            mosaic.paste(drawn, (tile.x * TILE_PX, tile.y * TILE_PX), drawn)
    size = (edge_px + 2 * MARGIN_PX, edge_px + TITLE_PX + LEGEND_PX)
    sheet = Image.new("RGB", size, _PAPER)
    sheet.paste(mosaic, (MARGIN_PX, TITLE_PX))
    pen = ImageDraw.Draw(sheet, "RGBA")
    _graticule(pen, edge_px)
    _title(pen, layer, tiles[0])
    _legend(pen, layer, layer.styles[0], edge_px)
    sheet.save(path)


def _title(pen: ImageDraw.ImageDraw, layer: MapLayer, tile: RenderTile) -> None:
    zoom = bbox_tile(tile.bbox).z
    pen.text((MARGIN_PX, 14), layer.title, _INK, _font(24))
    about = (
        f"{layer.name}, style {tile.style}, valid {layer.time:%Y-%m-%d %H:%M} UTC, "
        f"zoom {zoom}: {4**zoom} tiles in Web Mercator"
    )
    pen.text((MARGIN_PX, 44), about, _QUIET, _font(13))


def _graticule(pen: ImageDraw.ImageDraw, edge_px: int) -> None:
    left, top = MARGIN_PX, TITLE_PX
    font = _font(11)
    for lon in _MERIDIANS:
        x = left + (lon + 180) / 360 * edge_px
        pen.line([(x, top), (x, top + edge_px)], _GRID)
        pen.text((x, top - 3), f"{abs(lon)}°{_side(lon, 'E', 'W')}", _QUIET, font, anchor="mb")
    for lat in _PARALLELS:
        y = top + _mercator_share(lat) * edge_px
        pen.line([(left, y), (left + edge_px, y)], _GRID)
        pen.text((left - 5, y), f"{abs(lat)}°{_side(lat, 'N', 'S')}", _QUIET, font, anchor="rm")


def _legend(pen: ImageDraw.ImageDraw, layer: MapLayer, style: MapStyle, edge_px: int) -> None:
    left, top = MARGIN_PX, TITLE_PX + edge_px + 20
    if not style.ramp:
        return
    for x in range(edge_px):
        colour = style.ramp[x * len(style.ramp) // edge_px]
        pen.line([(left + x, top), (left + x, top + RAMP_PX - 1)], colour)
    pen.rectangle([(left, top), (left + edge_px - 1, top + RAMP_PX)], outline=_GRID)
    for tick in style.ticks:
        at = left + tick.place * edge_px
        pen.line([(at, top + RAMP_PX), (at, top + RAMP_PX + 4)], _QUIET)
        pen.text((at, top + RAMP_PX + 7), tick.text, _QUIET, _font(11), anchor="ma")
    pen.text((left + edge_px, top + RAMP_PX + 26), _range(layer), _QUIET, _font(12), anchor="ra")
    pen.text((left, top + RAMP_PX + 26), style.units, _QUIET, _font(12))


def _range(layer: MapLayer) -> str:
    if layer.value_range is None:
        return "all values are missing"
    low, high = layer.value_range
    return f"values of the run: {low:.4g} to {high:.4g} {layer.units}"


def _mercator_share(lat_deg: float) -> float:
    """Where a parallel lies in the Web Mercator square, 0 at its north edge."""
    return (1 - asinh(tan(radians(lat_deg))) / pi) / 2


def _side(value: int, positive: str, negative: str) -> str:
    if value in {0, 180, -180}:
        return ""
    return positive if value > 0 else negative


def _font(size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size_px)
