"""Ten tiles of every sample forecast against a slow, exact and independent renderer.

The slow one projects every pixel by itself in float64 and mixes the four points around it,
or, where a pixel covers several cells, the means of blocks of them.
"""

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import numpy as np
import pytest

from consumers.handlers.tiles.bands import Indices
from consumers.handlers.tiles.field import Field
from consumers.handlers.tiles.grid import GeographicGrid
from consumers.handlers.tiles.levels import levels_of
from consumers.handlers.tiles.mapping import map_tile
from consumers.handlers.tiles.pixels import Target
from consumers.handlers.tiles.plane import middle_deg
from consumers.handlers.tiles.pyramid import Summary, summarised, summary_of
from consumers.handlers.tiles.render import colour_indices
from consumers.handlers.tiles.styles.colouring import Colouring
from producers.tilegrid import Tile
from tests.consumers.tiles.grids import Float32s, picture
from tests.support.looks import LIBRARY
from tests.support.oracle import crop, exact_field, exact_indices, on_the_edge
from tests.support.sampledata import GRIDS, needs_grids

pytestmark = needs_grids
grib = pytest.importorskip("consumers.handlers.tiles.grib")

FILES: Final = sorted(path.name for path in GRIDS.glob("*.grib2"))
TILES: Final = 10
ZOOMS: Final = range(11)
STYLES: Final = {"TMP": "temperature", "PRMSL": "pressure", "GUST": "wind_speed"}


@lru_cache(maxsize=1)
def read(file: str) -> Field:
    found = next(iter(grib.read_fields(GRIDS / file)))
    assert isinstance(found, Field)
    return found


@lru_cache(maxsize=4)
def values_of(file: str, level: int) -> Float32s:
    field = read(file)
    return summarised(field.values, level, summary_of(field.parameter)) if level else field.values


def style_of(field: Field) -> Colouring:
    value_range = float(np.nanmin(field.values)), float(np.nanmax(field.values))
    return LIBRARY.colouring(STYLES.get(field.parameter, "default"), value_range)


def places(file: str) -> Iterator[Tile]:
    """Tiles with something of the forecast, over all zooms, the same at every run."""
    field, random = read(file), np.random.default_rng(sum(file.encode()))
    zooms = random.permutation(np.resize(np.array(ZOOMS), TILES))
    lons, lats = sample_places(file)
    for zoom in zooms:
        number = random.integers(len(lons))
        lon = (lons[number] + random.normal(0, 1) + 180) % 360 - 180
        lat = np.clip(lats[number] + random.normal(0, 1), -84, 84)
        south = (1 - np.arcsinh(np.tan(np.radians(lat))) / np.pi) / 2
        edge = 1 << int(zoom)
        yield Tile(int(zoom), int((lon + 180) / 360 * edge), int(south * edge))
    yield from ([] if field.grid.wraps else [middle(field)])


def sample_places(file: str) -> tuple[list[float], list[float]]:
    described = json.loads((GRIDS / "fields.json").read_text())[file]["fields"][0]
    points = described["sample_points"]
    return [point["lon"] for point in points], [point["lat"] for point in points]


def middle(field: Field) -> Tile:
    lon, lat = middle_deg(field.grid)
    south = (1 - np.arcsinh(np.tan(np.radians(lat))) / np.pi) / 2
    return Tile(7, int(((lon + 180) % 360) / 360 * 128), int(south * 128))


def drawn(file: str, target: Target) -> tuple[Indices, int]:
    field = read(file)
    mapping = map_tile(field.grid, target, levels_of(field.grid))
    if mapping is None:
        return np.zeros((target.height_px, target.width_px), dtype=np.uint8), 0
    values = crop(values_of(file, mapping.level), mapping.window)
    return colour_indices(values, mapping, style_of(field)), mapping.level


@pytest.mark.timeout(300)
@pytest.mark.parametrize("file", FILES)
def test_random_tiles_have_the_colours_of_an_exact_renderer(file: str) -> None:
    """The same colour for 99.9 % of the pixels, and never off by more than one."""
    field = read(file)
    style, largest = style_of(field), summary_of(field.parameter) is Summary.MAXIMUM
    seen = 0
    for tile in places(file):
        target = picture(tile)
        fast, level = drawn(file, target)

        exact = exact_field(field.values, field.grid, target, level, largest=largest)

        # On a flat field that lies on a threshold, the last bit of a float64 would decide.
        slow = exact_indices(style, exact.astype(np.float32).astype(np.float64))
        here = (fast > 0) & (slow > 0)
        assert np.abs(fast.astype(int) - slow)[here].max(initial=0) <= 1, tile
        differs = (fast != slow) & ~on_the_edge(field.grid, target)
        assert differs.sum() <= 0.001 * fast.size, (tile, level, int(differs.sum()))
        seen += int(here.any())
    assert seen >= TILES / 2


@pytest.mark.parametrize("file", FILES)
def test_four_random_tiles_are_one_large_one_byte_for_byte(file: str) -> None:
    for tile in list(places(file))[:4]:
        large, _ = drawn(file, picture(tile, size_px=512))

        quarters = [
            np.hstack(
                [
                    drawn(file, picture(Tile(tile.z + 1, 2 * tile.x + right, 2 * tile.y + down)))[0]
                    for right in (0, 1)
                ]
            )
            for down in (0, 1)
        ]

        np.testing.assert_array_equal(np.vstack(quarters), large)


def test_the_samples_have_every_kind_of_grid() -> None:
    kinds = {
        read(file).grid.form
        if isinstance(read(file).grid, GeographicGrid)
        else getattr(read(file).grid, "proj").split()[0]  # noqa: B009 - of one of two forms
        for file in FILES
    }

    assert kinds == {"geographic", "+proj=lcc", "+proj=stere", "+proj=merc", "+proj=ob_tran"}
