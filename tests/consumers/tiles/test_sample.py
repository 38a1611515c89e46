"""Values at the pixels, interpolated from the four points around each."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumers.handlers.tiles.grid import GeographicGrid, Grid
from consumers.handlers.tiles.mapping import map_tile
from consumers.handlers.tiles.pixels import Target
from consumers.handlers.tiles.sample import bilinear
from producers.payloads.tiles import BoundingBox
from producers.tilegrid import Tile, tile_bbox
from tests.consumers.tiles.grids import (
    Case,
    Float32s,
    cases,
    field,
    global_grid,
    picture,
    projected_grid,
)
from tests.support.oracle import crop, exact_field, on_the_edge

WORLD = BoundingBox(min_x=-180, min_y=-90, max_x=180, max_y=90)


def sampled(values: Float32s, grid: Grid, target: Target) -> Float32s:
    mapping = map_tile(grid, target)
    if mapping is None:
        return np.full((target.height_px, target.width_px), np.nan, dtype=np.float32)
    return bilinear(crop(values, mapping.window), mapping)


@settings(deadline=None, max_examples=150)
@given(cases())
def test_values_are_those_of_the_slow_way(case: Case) -> None:
    """The field changes by up to 5 K per cell, and the lattice is off by up to 0.001 cells."""
    fast = sampled(case.values, case.grid, case.target)
    slow = exact_field(case.values, case.grid, case.target)

    both = ~np.isnan(fast) & ~np.isnan(slow)
    np.testing.assert_allclose(fast[both], slow[both], atol=0.01)
    inner = ~on_the_edge(case.grid, case.target)
    np.testing.assert_array_equal(np.isnan(fast)[inner], np.isnan(slow)[inner])


@settings(deadline=None, max_examples=100)
@given(cases(missing=True))
def test_missing_points_are_left_out_before_anything_is_mixed(case: Case) -> None:
    fast = sampled(case.values, case.grid, case.target)
    slow = exact_field(case.values, case.grid, case.target)

    both = ~np.isnan(fast) & ~np.isnan(slow)
    np.testing.assert_allclose(fast[both], slow[both], atol=0.02)
    inner = ~on_the_edge(case.grid, case.target)
    differs = (np.isnan(fast) != np.isnan(slow)) & inner
    # Where missing points have exactly half of the share, rounding decides.
    assert differs.sum() <= max(2, 0.005 * fast.size)


@settings(deadline=None, max_examples=50)
@given(cases(missing=True), st.sampled_from([np.nan, np.inf, -np.inf]))
def test_nothing_of_a_missing_point_reaches_a_pixel(case: Case, mark: float) -> None:
    """All values but the missing are 280: so are all pixels, whatever marks the missing."""
    values = np.where(np.isnan(case.values), np.float32(mark), np.float32(280))

    fast = sampled(values, case.grid, case.target)

    np.testing.assert_allclose(fast[~np.isnan(fast)], 280, rtol=1e-6)


@settings(deadline=None, max_examples=50)
@given(cases(), st.floats(-1e6, 1e6, width=32))
def test_a_constant_field_stays_exactly_constant(case: Case, value: float) -> None:
    fast = sampled(np.full_like(case.values, value), case.grid, case.target)

    assert set(np.unique(fast[~np.isnan(fast)])) <= {np.float32(value)}


@pytest.mark.parametrize("lon0_deg", [0.0, 180.0, -180.0, 10.0])
@pytest.mark.parametrize("crs", ["EPSG:3857", "EPSG:4326"])
def test_the_seam_between_the_last_column_and_the_first_is_interpolated(
    lon0_deg: float, crs: str
) -> None:
    """A field that depends on the longitude only as its sine, sampled across every seam."""
    grid = global_grid(nx=72, ny=37, lon0_deg=lon0_deg)
    lons = np.radians(lon0_deg + np.arange(72) * 5.0)
    values = np.tile(np.sin(lons), (37, 1)).astype(np.float32)
    unit = 1.0 if crs == "EPSG:4326" else 20037508.342789244 / 180
    for seam_deg in (-180, 0, 180):
        bbox = BoundingBox(
            min_x=(seam_deg - 8) * unit, min_y=0, max_x=(seam_deg + 8) * unit, max_y=16 * unit
        )

        fast = sampled(values, grid, Target(crs, bbox, 64, 64))

        assert not np.isnan(fast).any()
        at_deg = seam_deg - 8 + (np.arange(64) + 0.5) * 16 / 64
        np.testing.assert_allclose(fast[0], np.sin(np.radians(at_deg)), atol=0.002)
        assert np.abs(np.diff(fast, axis=1)).max() < 0.006


def test_tiles_on_both_sides_of_the_dateline_meet() -> None:
    grid = global_grid(nx=36, ny=19)
    values = field(grid)
    box = tile_bbox(Tile(3, 7, 3))
    across = box.model_copy(
        update={
            "min_x": box.min_x + (box.max_x - box.min_x) / 2,
            "max_x": box.max_x + (box.max_x - box.min_x) / 2,
        }
    )

    east = sampled(values, grid, picture(Tile(3, 7, 3)))
    west = sampled(values, grid, picture(Tile(3, 0, 3)))
    both = sampled(values, grid, picture(Tile(3, 7, 3), bbox=across))

    # Two longitudes that differ by 360 degrees differ in their last bits.
    np.testing.assert_allclose(both, np.hstack((east[:, 128:], west[:, :128])), rtol=1e-6)


def test_the_world_has_no_hole_at_the_poles() -> None:
    for grid in (
        global_grid(),
        GeographicGrid(36, 18, 0.0, 85.0, 10.0, -10.0),
        GeographicGrid(36, 18, 0.0, -85.0, 10.0, 10.0),
    ):
        values = field(grid)

        assert not np.isnan(sampled(values, grid, Target("EPSG:4326", WORLD, 360, 180))).any()
        assert not np.isnan(sampled(values, grid, picture(Tile(0, 0, 0)))).any()


def test_a_pole_takes_the_value_of_its_row() -> None:
    grid = global_grid()
    values = field(grid)
    values[0], values[-1] = 250.0, 240.0
    bbox = BoundingBox(min_x=-180, min_y=-90, max_x=180, max_y=90)

    fast = sampled(values, grid, Target("EPSG:4326", bbox, 36, 18_000 // 5))

    np.testing.assert_allclose(fast[0], 250.0, atol=0.5)
    np.testing.assert_allclose(fast[-1], 240.0, atol=0.5)


@settings(deadline=None, max_examples=40)
@given(cases(), st.booleans())
def test_the_direction_of_the_rows_changes_nothing(case: Case, missing: bool) -> None:  # noqa: FBT001 - hypothesis
    grid = projected_grid("lambert", south_first=True)
    turned = projected_grid("lambert", south_first=False)
    values = field(grid, missing=missing)

    one = sampled(values, grid, case.target)
    other = sampled(np.ascontiguousarray(values[::-1]), turned, case.target)

    differs = np.isnan(one) != np.isnan(other)
    assert differs.mean() < 0.005
    both = ~np.isnan(one) & ~np.isnan(other)
    np.testing.assert_allclose(one[both], other[both], atol=0.01)


def test_around_one_missing_point_half_a_cell_is_transparent() -> None:
    """On the lines between points, the border of what is missing lies half-way."""
    grid = GeographicGrid(5, 5, 0.0, 4.0, 1.0, -1.0)
    values = np.full((5, 5), 280, dtype=np.float32)
    values[2, 2] = np.nan
    bbox = BoundingBox(min_x=0, min_y=1.95, max_x=4, max_y=2.05)

    (line,) = sampled(values, grid, Target("EPSG:4326", bbox, 40, 1))

    assert np.isnan(line).tolist() == [False] * 15 + [True] * 10 + [False] * 15


def test_values_of_another_window_are_refused() -> None:
    grid = global_grid()
    mapping = map_tile(grid, picture(Tile(3, 3, 3)))
    assert mapping is not None

    with pytest.raises(ValueError, match="the window has"):
        bilinear(field(grid), mapping)
