"""From the cells under a tile to its picture."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from consumers.handlers.tiles.grid import GeographicGrid, Grid
from consumers.handlers.tiles.mapping import map_tile
from consumers.handlers.tiles.pixels import Target
from consumers.handlers.tiles.render import blank, render
from consumers.handlers.tiles.sample import bilinear
from producers.payloads.tiles import COORDINATE_MAX, EXTENT_MIN, BoundingBox
from producers.tilegrid import WORLDS, Tile, tile_bbox
from tests.consumers.tiles.grids import (
    Case,
    Float32s,
    cases,
    field,
    geographic_grids,
    global_grid,
    picture,
    projected_grid,
    projected_grids,
    tiles,
)
from tests.support.looks import LIBRARY, TEMPERATURE
from tests.support.oracle import crop, exact_field, exact_indices, on_the_edge

Bytes = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


def drawn(values: Float32s, grid: Grid, target: Target) -> bytes:
    mapping = map_tile(grid, target)
    if mapping is None:
        return blank(target.width_px, target.height_px)
    return render(crop(values, mapping.window), mapping, TEMPERATURE)


def seen(png: bytes) -> Bytes:
    """Red, green, blue and opacity of every pixel."""
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGBA"))


def indices(png: bytes) -> Bytes:
    """The palette indices as they stand in the file."""
    with Image.open(io.BytesIO(png)) as image:
        assert image.mode == "P"
        return np.asarray(image)


@settings(deadline=None, max_examples=200)
@given(cases())
def test_colours_are_those_of_the_slow_way(case: Case) -> None:
    """Never more than one colour off, and the same for 99.9 % of the pixels.

    Where the exact value lies within float32's rounding of a threshold, either is right: on
    a flat field a whole line of pixels may.
    """
    mapping = map_tile(case.grid, case.target)
    if mapping is None:
        return
    field = bilinear(crop(case.values, mapping.window), mapping)
    fast = TEMPERATURE.indices(field).astype(int)
    exact = exact_field(case.values, case.grid, case.target)
    slow = exact_indices(TEMPERATURE, exact)

    here = (fast > 0) & (slow > 0)
    assert np.abs(fast - slow)[here].max(initial=0) <= 1
    rounding = 4 * np.spacing(np.float32(300))
    either = on_the_edge(case.grid, case.target)
    either |= exact_indices(TEMPERATURE, exact - rounding) != exact_indices(
        TEMPERATURE, exact + rounding
    )
    assert ((fast != slow) & ~either).sum() <= max(2, 0.001 * fast.size)


@settings(deadline=None, max_examples=80)
@given(
    st.one_of(geographic_grids(), projected_grids()),
    tiles(zoom_max=6),
    st.booleans(),
)
def test_four_tiles_are_the_large_one_byte_for_byte(
    grid: Grid,
    address: tuple[Tile, str],
    missing: bool,  # noqa: FBT001 - hypothesis
) -> None:
    tile, crs = address
    values = field(grid, missing=missing)
    large = seen(drawn(values, grid, picture(tile, crs, size_px=512)))

    quarters = [
        [
            seen(
                drawn(
                    values, grid, picture(Tile(tile.z + 1, 2 * tile.x + dx, 2 * tile.y + dy), crs)
                )
            )
            for dx in (0, 1)
        ]
        for dy in (0, 1)
    ]

    np.testing.assert_array_equal(np.vstack([np.hstack(row) for row in quarters]), large)


@pytest.mark.parametrize("crs", sorted(WORLDS))
def test_a_metatile_of_8_by_8_is_its_64_tiles(crs: str) -> None:
    grid = projected_grid("lambert")
    values = field(grid)
    corner = {1: Tile(5, 4, 8), 2: Tile(4, 4, 2)}[WORLDS[crs].columns]
    first, last = tile_bbox(corner, crs), tile_bbox(Tile(corner.z, corner.x + 7, corner.y + 7), crs)
    bbox = BoundingBox(min_x=first.min_x, max_y=first.max_y, max_x=last.max_x, min_y=last.min_y)

    whole = seen(drawn(values, grid, Target(crs, bbox, 2048, 2048)))

    assert whole[:, :, 3].any()
    for x, y in ((0, 0), (3, 2), (4, 5), (7, 7)):
        tile = seen(drawn(values, grid, picture(Tile(corner.z, corner.x + x, corner.y + y), crs)))
        np.testing.assert_array_equal(whole[256 * y : 256 * (y + 1), 256 * x : 256 * (x + 1)], tile)


def test_a_large_picture_is_drawn_in_strips_that_do_not_show() -> None:
    grid = projected_grid("lambert")
    values = field(grid)
    tall = Target("EPSG:3857", tile_bbox(Tile(3, 1, 3)), 32, 2048)
    mapping = map_tile(grid, tall)
    assert mapping is not None

    fast = indices(drawn(values, grid, tall)).astype(int)

    slow = exact_indices(TEMPERATURE, exact_field(values, grid, tall))
    assert np.mean(fast != slow) < 0.001


def test_missing_is_transparent_and_all_else_opaque() -> None:
    grid = global_grid()
    values = field(grid)
    values[:, :18] = np.nan

    opacity = seen(drawn(values, grid, picture(Tile(0, 0, 0))))[:, :, 3]

    # Columns 0 .. 17 of the grid are 0 .. 170 degrees east; half a cell beyond, too.
    assert set(np.unique(opacity)) == {0, 255}
    assert (opacity[:, 130:246] == 0).all()
    assert (opacity[:, :124] == 255).all()


def test_beside_a_region_the_picture_is_transparent() -> None:
    grid = GeographicGrid(41, 31, 260.0, 50.0, 1.0, -1.0)
    bbox = BoundingBox(min_x=-110, min_y=10, max_x=-50, max_y=60)

    opacity = seen(drawn(field(grid), grid, Target("EPSG:4326", bbox, 60, 50)))[:, :, 3]

    expected = np.zeros((50, 60), dtype=np.uint8)
    expected[10:40, 10:50] = 255
    np.testing.assert_array_equal(opacity, expected)


def test_a_tile_that_no_point_covers_is_the_blank_one() -> None:
    grid = GeographicGrid(41, 31, 260.0, 50.0, 1.0, -1.0)

    png = drawn(field(grid), grid, picture(Tile(3, 5, 3)))

    assert png is blank(256, 256)
    assert not seen(png).any()


def test_a_tile_without_any_value_is_the_blank_one() -> None:
    grid = global_grid()
    values = np.full((grid.ny, grid.nx), np.nan, dtype=np.float32)

    assert drawn(values, grid, picture(Tile(2, 1, 1))) is blank(256, 256)


def test_a_tile_of_one_colour_is_made_once() -> None:
    grid = global_grid()
    values = np.full((grid.ny, grid.nx), 290.0, dtype=np.float32)

    one, other = (drawn(values, grid, picture(Tile(2, x, 1))) for x in (1, 2))

    assert one is other
    assert len(one) < 150
    expected = TEMPERATURE.palette[TEMPERATURE.indices(values[:1, :1])[0, 0]]
    assert (seen(one) == expected).all()


def test_pictures_need_not_be_square() -> None:
    grid = global_grid()
    bbox = BoundingBox(min_x=-180, min_y=-90, max_x=180, max_y=90)

    for width_px, height_px in ((1, 1), (1, 300), (300, 1), (720, 360)):
        png = drawn(field(grid), grid, Target("CRS:84", bbox, width_px, height_px))
        assert seen(png).shape == (height_px, width_px, 4)


@pytest.mark.parametrize("crs", sorted(WORLDS))
@pytest.mark.parametrize("corner", [(-98.0, 39.0), (0.0, 0.0), (-180.0, 90.0)])
@pytest.mark.parametrize("edge", [EXTENT_MIN * 2, 1e-4, 2 * COORDINATE_MAX])
def test_areas_beyond_all_reason_are_drawn_all_the_same(
    crs: str, corner: tuple[float, float], edge: float
) -> None:
    x, y = (0.0, 0.0) if edge > COORDINATE_MAX else corner
    half = edge / 2
    bbox = BoundingBox(min_x=x - half, min_y=y - half, max_x=x + half, max_y=y + half)

    for grid in (global_grid(), projected_grid("lambert"), projected_grid("rotated")):
        png = drawn(field(grid), grid, Target(crs, bbox, 256, 256))
        assert seen(png).shape == (256, 256, 4)


def test_the_range_of_a_layer_not_of_a_tile_gives_the_colours() -> None:
    grid = global_grid()
    values = field(grid)
    style = LIBRARY.colouring("default", (float(values.min()), float(values.max())))
    left, right = Tile(2, 1, 1), Tile(2, 2, 1)

    edges = []
    for tile, column in ((left, -1), (right, 0)):
        mapping = map_tile(grid, picture(tile))
        assert mapping is not None
        edges.append(indices(render(crop(values, mapping.window), mapping, style))[:, column])

    assert np.abs(edges[0].astype(int) - edges[1].astype(int)).max() <= 3
