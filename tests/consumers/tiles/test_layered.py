"""Pictures of lines, signs, numbers and several layers, out of a catalog."""

import io
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pytest
from PIL import Image

from consumers.handlers.tiles.atmosphere import forecast
from consumers.handlers.tiles.codes24 import decode_values
from consumers.handlers.tiles.dataerrors import LayerNotFoundError, RunMismatchError
from consumers.handlers.tiles.errors import StyleError, UnknownStyle
from consumers.handlers.tiles.handler import TilePainter
from consumers.handlers.tiles.ingest import ingest_fields
from consumers.handlers.tiles.mapping import map_tile
from consumers.handlers.tiles.sample import bilinear
from consumers.handlers.tiles.styles.library import StyleLibrary, built_in_sources
from consumers.handlers.tiles.system import TileData
from producers.payloads.tiles import RenderTile
from producers.tilegrid import Tile, tile_bbox_3857
from tests.consumers.tiles.grids import picture
from tests.support.oracle import crop
from tests.support.tiledata import REGION, RUN, make_field, open_tile_data

Bytes = npt.NDArray[np.uint8]

#: Styles of one colour, so that tests can tell what is seen.
OWN = {
    "red": {"type": "discrete", "stops": [[-1e9, "#ff0000"]]},
    "blue": {"type": "discrete", "stops": [[-1e9, "#0000ff"]]},
    "line": {"type": "contour", "levels": [280], "labels": "none", "width": 3},
    "red_blue": {
        "type": "composite",
        "layers": [{"style": "red"}, {"style": "blue", "opacity": 0.25}],
    },
    "red_line": {"type": "composite", "layers": [{"style": "red"}, {"style": "line"}]},
    "lost": {"type": "composite", "layers": [{"style": "red", "layer": "RH_2m"}]},
    "pressed": {"type": "composite", "layers": [{"style": "red"}, {"style": "isobars"}]},
}
LIBRARY = StyleLibrary(
    built_in_sources() | {name: orjson.dumps(each) for name, each in OWN.items()}
)
TILE = Tile(2, 2, 1)


@pytest.fixture
async def data(tmp_path: Path) -> AsyncIterator[TileData]:
    """The made-up forecast, coarse, and styles of the test's own."""
    async with open_tile_data(tmp_path) as data:
        await ingest_fields(forecast(RUN, hours=(0,), step_deg=2.0), data.catalog, data.store)
        yield TileData(data.settings, data.catalog, data.store, LIBRARY)


@pytest.fixture
def painter(data: TileData) -> TilePainter:
    return data.painter(lambda: RUN)


def job(style: str, layer: str = "demo_TMP_2m", tile: Tile = TILE, **fields: Any) -> RenderTile:
    wanted = {"bbox": tile_bbox_3857(tile), "time": RUN, **fields}
    return RenderTile(layer=layer, style=style, **wanted)


def pixels(data: bytes) -> Bytes:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGBA"))


async def drawn(painter: TilePainter, wanted: RenderTile) -> Bytes:
    return pixels((await painter.paint(wanted)).data)


async def test_layers_lie_over_each_other_in_their_order(painter: TilePainter) -> None:
    seen = await drawn(painter, job("red_blue"))

    assert np.unique(seen.reshape(-1, 4), axis=0).tolist() == [[191, 0, 64, 255]]


async def test_lines_lie_over_colours(painter: TilePainter) -> None:
    line = await drawn(painter, job("line"))
    both = await drawn(painter, job("red_line"))

    opaque, nothing = line[..., 3] == 255, line[..., 3] == 0
    assert opaque.any()
    assert nothing.any()
    np.testing.assert_array_equal(both[opaque], line[opaque])
    assert (both[nothing] == [255, 0, 0, 255]).all()
    assert (both[..., 3] == 255).all()


async def test_a_line_runs_where_the_field_has_its_value(data: TileData) -> None:
    """Of the pixels in the middle of the line none is far from 280 K."""
    [field] = [each for each in forecast(RUN, hours=(0,), step_deg=2.0) if each.parameter == "TMP"]
    mapping = map_tile(field.grid, picture(TILE, "EPSG:3857"))
    assert mapping is not None
    values = bilinear(crop(field.values, mapping.window), mapping)

    line = await drawn(data.painter(lambda: RUN), job("line"))

    steepest = np.hypot(*np.gradient(values)).max()
    assert np.abs(values[line[..., 3] == 255] - 280).max() <= 3 * steepest


@pytest.mark.parametrize(
    ("style", "layer"),
    [
        ("weather", "demo_TMP_2m"),
        ("isobars", "demo_PRMSL_msl"),
        ("wind", "demo_WIND_10m"),
        ("wind_arrows", "demo_UGRD_10m"),
        ("rain_isobars", "demo_APCP_surface"),
        ("data", "demo_TMP_2m"),
    ],
)
async def test_four_tiles_are_the_large_one_in_every_style(
    painter: TilePainter, style: str, layer: str
) -> None:
    large = await drawn(painter, job(style, layer, width=512, height=512))
    quarters = [
        [
            await drawn(
                painter, job(style, layer, Tile(TILE.z + 1, 2 * TILE.x + dx, 2 * TILE.y + dy))
            )
            for dx in (0, 1)
        ]
        for dy in (0, 1)
    ]

    np.testing.assert_array_equal(np.vstack([np.hstack(row) for row in quarters]), large)


async def test_the_values_come_back_out_of_their_colours(data: TileData) -> None:
    [field] = [each for each in forecast(RUN, hours=(0,), step_deg=2.0) if each.parameter == "TMP"]
    mapping = map_tile(field.grid, picture(TILE, "EPSG:3857"))
    assert mapping is not None
    values = bilinear(crop(field.values, mapping.window), mapping)

    for to in ("png", "png32", "webp"):
        seen = await drawn(data.painter(lambda: RUN), job("data", format=to))
        assert np.abs(decode_values(seen, -10_000, 0.01) - values).max() <= 0.005 + 1e-9


async def test_numbers_are_refused_as_jpeg(painter: TilePainter) -> None:
    with pytest.raises(StyleError, match="a JPEG would change"):
        await painter.paint(job("data", format="jpeg"))


@pytest.mark.parametrize("style", ["temperature", "weather", "wind_barbs", "precipitation"])
async def test_every_format_shows_the_same(painter: TilePainter, style: str) -> None:
    layer = {"precipitation": "demo_APCP_surface", "wind_barbs": "demo_WIND_10m"}.get(
        style, "demo_TMP_2m"
    )
    png, png32, webp, jpeg = [
        (await painter.paint(job(style, layer, format=to))).data
        for to in ("png", "png32", "webp", "jpeg")
    ]

    assert png32.startswith(b"\x89PNG")
    assert png32[25] == 6  # IHDR: red, green, blue and opacity
    assert webp[8:12] == b"WEBP"
    assert jpeg.startswith(b"\xff\xd8")
    seen = pixels(png)
    np.testing.assert_array_equal(pixels(png32), seen)
    np.testing.assert_array_equal(pixels(webp), seen)
    share = seen[..., 3:] / 255
    on_white = seen[..., :3] * share + 255 * (1 - share)
    assert np.abs(pixels(jpeg)[..., :3] - on_white).mean() <= 6


async def test_a_scale_of_2_shows_the_same_with_more_pixels(painter: TilePainter) -> None:
    """Averaged down again, lines and signs lie where they lay, and are as thick."""
    for style, layer in (("weather", "demo_TMP_2m"), ("wind_barbs", "demo_WIND_10m")):
        one = await drawn(painter, job(style, layer))
        two = await drawn(painter, job(style, layer, scale=2))
        assert two.shape == (512, 512, 4)
        down = two.reshape(256, 2, 256, 2, 4).mean(axis=(1, 3))
        assert np.abs(down - one).mean() <= 8


async def test_outside_of_the_grid_nothing_is_drawn(tmp_path: Path) -> None:
    async with open_tile_data(tmp_path) as data:
        await ingest_fields([make_field("TMP", grid=REGION)], data.catalog, data.store)
        painter = TileData(data.settings, data.catalog, data.store, LIBRARY).painter(lambda: RUN)

        painted = await painter.paint(job("line", "test_TMP_2m", Tile(5, 0, 31)))

    assert not painted.covered
    assert not pixels(painted.data).any()


async def test_a_layer_that_does_not_exist_beside_it_is_named(painter: TilePainter) -> None:
    with pytest.raises(LayerNotFoundError, match="demo_RH_2m"):
        await painter.paint(job("lost"))


async def test_an_unknown_style_is_named_with_the_nearest(painter: TilePainter) -> None:
    with pytest.raises(UnknownStyle, match="did you mean 'weather'"):
        await painter.paint(job("wether"))


async def test_layers_of_two_runs_are_never_one_picture(data: TileData) -> None:
    """A newer run has the temperature already, and not yet the pressure."""
    newer = forecast(RUN - timedelta(hours=6), hours=(6,), step_deg=2.0)
    older_only = [each for each in newer if each.parameter != "TMP"]
    async with open_tile_data(data.settings.data_dir / "two") as other:
        fresh = [
            each for each in forecast(RUN, hours=(0,), step_deg=2.0) if each.parameter == "TMP"
        ]
        await ingest_fields([*older_only, *fresh], other.catalog, other.store)
        painter = TileData(other.settings, other.catalog, other.store, LIBRARY).painter(lambda: RUN)

        with pytest.raises(RunMismatchError, match="one picture shows one run"):
            await painter.paint(job("temperature_isobars"))


async def test_the_version_of_a_composite_is_that_of_all_that_it_shows(
    painter: TilePainter,
) -> None:
    painted = await painter.paint(job("weather"))

    assert painted.style_version == LIBRARY.find("weather").version


async def test_a_missing_field_leaves_no_line(tmp_path: Path) -> None:
    async with open_tile_data(tmp_path) as data:
        empty = make_field(values=np.full(make_field().values.shape, np.nan, np.float32))
        await ingest_fields([empty], data.catalog, data.store)
        painter = TileData(data.settings, data.catalog, data.store, LIBRARY).painter(lambda: RUN)

        seen = await drawn(painter, job("line", "test_TMP_2m"))

    assert not seen[..., 3].any()
