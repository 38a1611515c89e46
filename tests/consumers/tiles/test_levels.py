"""Coarser levels of a grid: which is drawn from, and what its values are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumers.handlers.tiles.bands import Indices
from consumers.handlers.tiles.grid import GeographicGrid, Grid, Window
from consumers.handlers.tiles.levels import GridAxis, level_for, levels_of
from consumers.handlers.tiles.mapping import map_tile
from consumers.handlers.tiles.pixels import Target
from consumers.handlers.tiles.pyramid import Pyramid, Summary, has_between, summarised, summary_of
from consumers.handlers.tiles.render import colour_indices
from consumers.handlers.tiles.sample import bilinear
from consumers.handlers.tiles.shards import ShardLayout
from producers.payloads.tiles import BoundingBox
from producers.tilegrid import Tile
from tests.consumers.tiles.grids import Float32s, field, picture, projected_grid
from tests.support.looks import TEMPERATURE
from tests.support.oracle import blocks, crop, exact_field, on_the_edge

FINE = GeographicGrid(1440, 721, 0.0, 90.0, 0.25, -0.25)
REGION = GeographicGrid(701, 351, 230.0, 55.0, 0.1, -0.1)
SHAPES = st.tuples(st.integers(1, 40), st.integers(1, 40))


def noise(shape: tuple[int, int], seed: int, missing: float = 0.3) -> Float32s:
    random = np.random.default_rng(seed)
    values = random.integers(0, 5, shape).astype(np.float32)
    values[random.random(shape) < missing] = np.nan
    return values


def at_level(values: Float32s, level: int) -> Float32s:
    return summarised(values, level, Summary.MEAN) if level else values


def drawn(values: Float32s, grid: Grid, target: Target, levels: int) -> Indices:
    mapping = map_tile(grid, target, levels)
    if mapping is None:
        return np.zeros((target.height_px, target.width_px), dtype=np.uint8)
    cells = crop(at_level(values, mapping.level), mapping.window)
    return colour_indices(cells, mapping, TEMPERATURE)


@settings(deadline=None)
@given(SHAPES, st.integers(1, 4), st.integers(0, 99))
def test_a_mean_counts_what_is_there_and_needs_half_of_it(
    shape: tuple[int, int], level: int, seed: int
) -> None:
    values = noise(shape, seed)

    np.testing.assert_allclose(
        summarised(values, level, Summary.MEAN), blocks(values, level)[0], rtol=1e-6
    )


@settings(deadline=None)
@given(SHAPES, st.integers(1, 4), st.integers(0, 99))
def test_of_reflectivity_the_largest_value_stands_for_a_block(
    shape: tuple[int, int], level: int, seed: int
) -> None:
    values = noise(shape, seed, missing=0.7)

    np.testing.assert_array_equal(
        summarised(values, level, Summary.MAXIMUM), blocks(values, level, largest=True)[0]
    )


@settings(deadline=None)
@given(SHAPES, st.integers(1, 3), st.integers(0, 99))
def test_of_categories_the_most_frequent_stands_for_a_block(
    shape: tuple[int, int], level: int, seed: int
) -> None:
    values, size = noise(shape, seed), 2**level

    modes = summarised(values, level, Summary.MODE)

    for row, col in np.ndindex(modes.shape):
        block = values[row * size :, col * size :][:size, :size]
        found, counts = np.unique(block[np.isfinite(block)], return_counts=True)
        expected = found[counts.argmax()] if len(found) else np.nan
        np.testing.assert_equal(modes[row, col], expected)


def test_of_directions_one_in_the_middle_stands_for_a_block() -> None:
    values = np.where(np.arange(16) % 2, 359, 1).reshape(4, 4).astype(np.float32)

    assert set(summarised(values, 2, Summary.MIDDLE).flat) <= {1.0, 359.0}


@pytest.mark.parametrize(
    ("parameter", "summary", "between"),
    [
        ("TMP", Summary.MEAN, True),
        ("REFC", Summary.MAXIMUM, True),
        ("ReflectivityAtLowestAltitude", Summary.MAXIMUM, True),
        ("CRAIN", Summary.MODE, False),
        ("WDIR", Summary.MIDDLE, False),
    ],
)
def test_a_parameter_says_what_stands_for_a_block(
    parameter: str,
    summary: Summary,
    between: bool,  # noqa: FBT001 - a table
) -> None:
    assert summary_of(parameter) is summary
    assert has_between(parameter) is between


@settings(deadline=None, max_examples=30)
@given(st.integers(513, 1100), st.integers(513, 1100), st.integers(0, 9))
def test_a_pyramid_that_is_filled_shard_by_shard_is_that_of_the_whole(
    rows: int, cols: int, seed: int
) -> None:
    values, layout = noise((rows, cols), seed), ShardLayout.of(rows, cols)
    pyramid = Pyramid(layout, 3, Summary.MEAN)

    for index in reversed(range(layout.count)):
        box = layout.box(index)
        pyramid.take(box, values[box.row0 : box.row1, box.col0 : box.col1])

    for level, found in pyramid:
        np.testing.assert_array_equal(found, summarised(values, level, Summary.MEAN))
        cut = layout.at_level(level)
        assert (cut.rows, cut.cols) == found.shape
        assert cut.box(cut.count - 1) == Window(
            (cut.rows - 1) // cut.block_rows * cut.block_rows,
            cut.rows,
            (cut.cols - 1) // cut.block_cols * cut.block_cols,
            cut.cols,
        )


@settings(deadline=None)
@given(st.integers(2, 3000), st.integers(0, 6))
def test_every_place_of_a_grid_has_a_place_on_its_levels(size: int, level: int) -> None:
    axis = GridAxis(size, level)
    _, (rows, _) = blocks(np.zeros((size, 1), dtype=np.float32), level)
    places = np.linspace(0, size - 1, 1000)

    reduced = axis.reduced(places)

    np.testing.assert_allclose(reduced, np.interp(places, rows, np.arange(len(rows))), atol=1e-9)


@pytest.mark.parametrize("size_px", [64, 256, 512, 2048])
@pytest.mark.parametrize("zoom", range(6))
def test_the_level_follows_from_the_size_of_a_pixel_and_not_of_the_picture(
    zoom: int, size_px: int
) -> None:
    """So many pixels around the earth, whatever part of them a picture shows."""
    world_px = 256 << zoom
    expected = level_for(FINE, picture(Tile(zoom, 0, 0)), 9)
    edge_m = 2 * 20037508.342789244 * size_px / world_px

    for west, north in [(-20037508.342789244, 20037508.342789244), (0.0, 0.0)]:
        bbox = BoundingBox(min_x=west, min_y=north - edge_m, max_x=west + edge_m, max_y=north)
        assert level_for(FINE, Target("EPSG:3857", bbox, size_px, size_px), 9) == expected


def test_no_level_is_coarser_than_the_pixels_that_are_drawn_from_it() -> None:
    """A grid of 1440 columns under 256, 512, ... pixels around the earth."""
    levels = [level_for(FINE, picture(Tile(zoom, 0, 0)), 9) for zoom in range(5)]

    assert levels == [2, 1, 0, 0, 0]


def test_a_grid_without_levels_is_drawn_as_it_is() -> None:
    mapping = map_tile(FINE, picture(Tile(0, 0, 0)), levels=0)

    assert mapping is not None
    assert mapping.level == 0


def test_a_grid_around_the_earth_has_no_level_with_a_seam() -> None:
    assert levels_of(FINE) == 4
    assert levels_of(GeographicGrid(900, 451, 0.0, 90.0, 0.4, -0.4)) == 2
    assert levels_of(GeographicGrid(359, 181, 0.0, 90.0, 360 / 359, -1.0)) == 0
    assert levels_of(REGION) == 3


@settings(deadline=None, max_examples=25)
@given(
    st.sampled_from([FINE, REGION]),
    st.integers(0, 3),
    st.sampled_from(["EPSG:3857", "EPSG:4326"]),
    st.booleans(),
)
def test_values_of_a_level_are_those_of_the_slow_way(
    grid: Grid,
    zoom: int,
    crs: str,
    missing: bool,  # noqa: FBT001 - hypothesis
) -> None:
    target = picture(Tile(zoom, (1 << zoom) // 4, (1 << zoom) // 3), crs)
    values = field(grid, missing=missing)
    mapping = map_tile(grid, target, 4)
    if mapping is None:
        return

    fast = bilinear(crop(at_level(values, mapping.level), mapping.window), mapping)

    slow = exact_field(values, grid, target, mapping.level)
    both = ~np.isnan(fast) & ~np.isnan(slow)
    np.testing.assert_allclose(fast[both], slow[both], atol=0.02)
    differs = (np.isnan(fast) != np.isnan(slow)) & ~on_the_edge(grid, target)
    assert differs.sum() <= max(2, 0.005 * fast.size)


@pytest.mark.parametrize("grid", [FINE, REGION, projected_grid("lambert")], ids=str)
@pytest.mark.parametrize("zoom", [0, 1, 2])
def test_four_tiles_from_a_level_are_the_large_one(grid: Grid, zoom: int) -> None:
    values = field(grid)
    x = 0 if grid is not FINE else (1 << zoom) // 2

    large = drawn(values, grid, picture(Tile(zoom, x, 0), size_px=512), 4)

    quarters = [
        np.hstack(
            [
                drawn(values, grid, picture(Tile(zoom + 1, 2 * x + right, down)), 4)
                for right in (0, 1)
            ]
        )
        for down in (0, 1)
    ]
    np.testing.assert_array_equal(np.vstack(quarters), large)
