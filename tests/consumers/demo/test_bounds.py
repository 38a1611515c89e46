"""Where regional grids lie."""

import pytest

from consumers.demo.bounds import bounds_of
from consumers.handlers.tiles.grid import GeographicGrid, ProjectedGrid

SPHERE = "+R=6371229"


def test_a_grid_around_the_earth_has_no_bounds() -> None:
    assert bounds_of(GeographicGrid(360, 181, 0.0, 90.0, 1.0, -1.0)) is None


def test_a_window_of_longitudes_and_latitudes_is_its_own_bounds() -> None:
    grid = GeographicGrid(11, 6, 350.0, 50.0, 1.0, -2.0)

    south, west, north, east = bounds_of(grid) or (0, 0, 0, 0)

    assert (south, north) == pytest.approx((40, 50))
    assert (west, east) == pytest.approx((-10, 0))


def test_a_grid_across_the_date_line_is_one_piece() -> None:
    grid = ProjectedGrid(
        61, 41, f"+proj=stere +lat_0=60 +lon_0=180 {SPHERE}", -600_000, -400_000, 20_000, 20_000
    )

    south, west, north, east = bounds_of(grid) or (0, 0, 0, 0)

    assert 20 < east - west < 30
    assert abs(west + east) / 2 == pytest.approx(180, abs=0.01)
    assert (south, north) == pytest.approx((56, 64), abs=1)


def test_a_rotated_pole_is_turned_back() -> None:
    """With its pole at 40 N the equator of the rotated grid passes 50 N."""
    grid = ProjectedGrid(
        21, 11, f"+proj=ob_tran +o_proj=longlat +o_lat_p=40 +o_lon_p=0 +lon_0=10 {SPHERE}",
        -10.0, 5.0, 1.0, -1.0,
    )  # fmt: skip

    south, west, north, east = bounds_of(grid) or (0, 0, 0, 0)

    assert south < 50 < north
    assert west < 10 < east
