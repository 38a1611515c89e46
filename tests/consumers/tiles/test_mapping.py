"""From the pixels of a picture to the points of a grid."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumers.handlers.tiles.grid import GeographicGrid
from consumers.handlers.tiles.mapping import ENTRY_BYTES, MappingCache, map_tile
from consumers.handlers.tiles.pixels import Target
from consumers.handlers.tiles.weights import SeparableMapping
from producers.payloads.tiles import BoundingBox
from producers.tilegrid import Tile
from tests.consumers.tiles.grids import (
    areas,
    geographic_grids,
    global_grid,
    picture,
    projected_grid,
)

REGION = GeographicGrid(41, 31, 260.0, 50.0, 1.0, -1.0)


def separable(grid: GeographicGrid, target: Target) -> SeparableMapping:
    mapping = map_tile(grid, target)
    assert isinstance(mapping, SeparableMapping)
    return mapping


@settings(deadline=None)
@given(geographic_grids(), areas())
def test_the_window_lies_in_the_grid_and_every_step_in_the_window(
    grid: GeographicGrid, target: Target
) -> None:
    mapping = map_tile(grid, target)
    if mapping is None:
        return
    mapping = separable(grid, target)
    window = mapping.window
    height, width = window.shape

    assert window.row1 <= grid.ny
    assert window.col1 <= (2 * grid.nx if grid.wraps else grid.nx)
    assert width <= grid.nx + 1
    for steps, size in ((mapping.rows, height), (mapping.cols, width)):
        assert steps.lower.min() >= 0
        assert steps.lower.max() <= size - 2
        assert 0 <= steps.weight.min() <= steps.weight.max() <= 1


def test_a_tile_beside_the_dateline_needs_the_columns_beside_it_only() -> None:
    grid = global_grid(nx=144, ny=73, lon0_deg=0.0)

    west, east = (separable(grid, picture(Tile(4, x, 6))).window for x in (0, 15))

    assert west.shape[1] <= 12
    assert east.shape[1] <= 12


def test_a_window_over_the_seam_of_the_columns_is_one_rectangle() -> None:
    grid = global_grid(nx=36, lon0_deg=0.0)
    bbox = BoundingBox(min_x=-15, min_y=-10, max_x=15, max_y=10)

    window = separable(grid, Target("EPSG:4326", bbox, 30, 20)).window

    assert (window.col0, window.col1) == (34, 39)


def test_a_picture_of_several_worlds_reads_the_circle_once() -> None:
    grid = global_grid(nx=36)
    bbox = BoundingBox(min_x=-1000, min_y=-90, max_x=1000, max_y=90)

    window = separable(grid, Target("EPSG:4326", bbox, 500, 90)).window

    assert window.shape == (19, 37)


@pytest.mark.parametrize("lon0_deg", [260.0, -100.0])
def test_a_region_is_found_whatever_way_its_west_edge_is_counted(lon0_deg: float) -> None:
    grid = GeographicGrid(41, 31, lon0_deg, 50.0, 1.0, -1.0)
    bbox = BoundingBox(min_x=-100, min_y=20, max_x=-60, max_y=50)

    mapping = separable(grid, Target("EPSG:4326", bbox, 40, 30))

    assert mapping.window.shape == (31, 41)
    assert mapping.outside_rows is None
    assert mapping.outside_cols is None


def test_pixels_beside_a_region_are_outside() -> None:
    bbox = BoundingBox(min_x=-110, min_y=10, max_x=-50, max_y=60)

    mapping = separable(REGION, Target("EPSG:4326", bbox, 60, 50))

    assert mapping.outside_cols is not None
    assert mapping.outside_rows is not None
    assert mapping.outside_cols.sum() == 20
    assert mapping.outside_rows.sum() == 20


def test_a_picture_beside_a_region_has_no_mapping() -> None:
    assert map_tile(REGION, picture(Tile(3, 5, 3))) is None


@settings(deadline=None)
@given(st.sampled_from([0.0, 0.25, 180.0]), st.integers(4, 40), st.booleans())
def test_rows_beside_the_poles_stand_for_them(lon0_deg: float, ny: int, gaussian: bool) -> None:  # noqa: FBT001 - hypothesis
    """Half a step is missing, or with Gaussian latitudes about three quarters."""
    lats = 90 - (np.arange(ny) + 0.5) * 180 / ny
    if gaussian:
        lats = np.degrees(np.arcsin(np.polynomial.legendre.leggauss(ny)[0]))[::-1]
    grid = GeographicGrid(
        16, ny, lon0_deg, float(lats[0]), 22.5, -180 / ny, tuple(float(lat) for lat in lats)
    )
    bbox = BoundingBox(min_x=-180, min_y=-90, max_x=180, max_y=90)

    mapping = separable(grid, Target("EPSG:4326", bbox, 64, 720))

    assert mapping.outside_rows is None


def test_a_belt_around_the_earth_does_not_stand_for_the_poles() -> None:
    grid = GeographicGrid(36, 13, 0.0, 60.0, 10.0, -10.0)
    bbox = BoundingBox(min_x=-180, min_y=-90, max_x=180, max_y=90)

    outside = separable(grid, Target("EPSG:4326", bbox, 36, 18)).outside_rows

    assert outside is not None
    assert outside.tolist() == [True] * 3 + [False] * 12 + [True] * 3


def test_a_mapping_is_made_once() -> None:
    cache = MappingCache()
    first = cache.map_tile(global_grid(), picture(Tile(2, 1, 1)))

    assert cache.map_tile(global_grid(), picture(Tile(2, 1, 1))) is first
    assert len(cache) == 1


def test_that_a_tile_is_outside_is_remembered_too() -> None:
    cache = MappingCache()

    assert cache.map_tile(REGION, picture(Tile(3, 5, 3))) is None
    assert len(cache) == 1


def test_the_cache_is_bounded_by_bytes_and_forgets_the_oldest() -> None:
    grid, size_px = projected_grid("lambert"), 64
    one_bytes = ENTRY_BYTES + 8 * size_px**2
    cache = MappingCache(bytes_max=5 * one_bytes)
    # All in the middle of the grid, so that each has a mapping.
    targets = [picture(Tile(7, 27 + x, 49), size_px=size_px) for x in range(6)]
    made = [cache.map_tile(grid, target) for target in targets]

    assert None not in made
    assert len(cache) == 5
    assert cache.map_tile(grid, targets[5]) is made[5]
    assert cache.map_tile(grid, targets[0]) is not made[0]


def test_a_mapping_that_would_push_out_all_others_is_not_kept() -> None:
    cache = MappingCache(bytes_max=1_000_000)
    cache.map_tile(global_grid(), picture(Tile(0, 0, 0)))

    assert cache.map_tile(projected_grid("lambert"), picture(Tile(4, 3, 6))) is not None
    assert len(cache) == 1


def test_threads_share_a_cache() -> None:
    cache = MappingCache(bytes_max=1_500_000)
    grid = projected_grid("lambert")
    targets = [picture(Tile(6, 13 + n % 3, 24), size_px=128) for n in range(60)]

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda target: cache.map_tile(grid, target), targets))

    assert None not in made
    assert len(cache) == 3
