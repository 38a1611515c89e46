"""The contact sheet: every tile in its place."""

from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from PIL import Image

from consumers.demo.sheet import MARGIN_PX, TILE_PX, TITLE_PX, write_sheet
from producers.gateway.layers import MapLayer, MapStyle, MapTick
from producers.payloads.tiles import RenderTile
from producers.tilegrid import bbox_tile
from producers.warming.warm import warm_layer

TIME = datetime(2026, 1, 1, tzinfo=UTC)
LAYER = MapLayer(
    name="gfs_TMP_2m",
    title="Temperature",
    units="°C",
    time=TIME,
    times=(TIME,),
    reference_time=TIME,
    value_range=None,
    styles=(MapStyle("temperature", "", (MapTick(0, 0, "0"),), ("#0000ff", "#ff0000")),),
)
PAPER_GREY = (0xE8, 0xEC, 0xF0)


def tile_colour(tile: RenderTile) -> tuple[int, int, int]:
    """A colour of its own for every tile of zoom 2."""
    address = bbox_tile(tile.bbox)
    return 60 * address.x, 60 * address.y, 200


def picture(tile: RenderTile) -> bytes:
    """A tile of one colour."""
    data = BytesIO()
    Image.new("RGB", (TILE_PX, TILE_PX), tile_colour(tile)).save(data, "PNG")
    return data.getvalue()


def test_each_tile_stands_in_its_place_and_a_missing_one_is_grey(tmp_path: Path) -> None:
    tiles = list(warm_layer("gfs_TMP_2m", "temperature", 2, min_zoom=2))
    pictures = [None if tile is tiles[5] else picture(tile) for tile in tiles]
    path = tmp_path / "sheet.png"

    write_sheet(path, LAYER, tiles, pictures)

    with Image.open(path) as sheet:
        for tile in tiles:
            address = bbox_tile(tile.bbox)
            # Beside the middle, where no line of the graticule runs.
            x = MARGIN_PX + round((address.x + 0.37) * TILE_PX)
            y = TITLE_PX + round((address.y + 0.37) * TILE_PX)
            expected = PAPER_GREY if tile is tiles[5] else tile_colour(tile)
            assert sheet.getpixel((x, y)) == expected


def test_what_is_transparent_shows_the_paper(tmp_path: Path) -> None:
    tiles = list(warm_layer("gfs_TMP_2m", "temperature", 0))
    data = BytesIO()
    Image.new("RGBA", (TILE_PX, TILE_PX), (255, 0, 0, 0)).save(data, "PNG")
    path = tmp_path / "sheet.png"

    write_sheet(path, LAYER, tiles, [data.getvalue()])

    with Image.open(path) as sheet:
        assert sheet.getpixel((MARGIN_PX + 100, TITLE_PX + 100)) == PAPER_GREY
