"""Winds are turned from the axes of the grid to north, and from there to the picture."""

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod, Proj, Transformer

from consumers.handlers.tiles.drawing.windaxes import Wind, to_earth, to_picture
from consumers.handlers.tiles.field import Field
from consumers.handlers.tiles.grid import ProjectedGrid
from tests.consumers.tiles.grids import PROJECTIONS, global_grid
from tests.support.sampledata import GRIDS, needs_grids

Float64s = npt.NDArray[np.float64]

NAM = "nam211_80km_20180917t00z_anl.grib2"
EARTH = Geod(ellps="WGS84")
RANDOM = np.random.default_rng(5)
COUNT = 200
WIND = Wind(RANDOM.normal(0, 15, COUNT), RANDOM.normal(0, 15, COUNT))


def grid_of(name: str, *, along_axes: bool = True) -> ProjectedGrid:
    proj, west = PROJECTIONS[name]
    return ProjectedGrid(90, 60, proj, west, west, 1.0, 1.0, wind_along_axes=along_axes)


def places(south_deg: float = 20, north_deg: float = 88) -> tuple[Float64s, Float64s]:
    return RANDOM.uniform(180, 300, COUNT), RANDOM.uniform(south_deg, north_deg, COUNT)


def bearing_deg(wind: Wind) -> Float64s:
    return np.degrees(np.arctan2(wind.along_x, wind.along_y))


def off_deg(one: Float64s, other: Float64s) -> Float64s:
    return np.abs((one - other + 180) % 360 - 180)


def test_on_a_lambert_grid_it_is_the_cone_times_the_way_from_the_middle() -> None:
    """sin(latin) * (longitude - lov), as every textbook has it."""
    longitudes, latitudes = places()

    turned = to_earth(grid_of("lambert"), longitudes, latitudes, WIND)

    angle = np.sin(np.radians(38.5)) * (longitudes - 262.5)
    assert off_deg(bearing_deg(turned), bearing_deg(WIND) + angle).max() < 1e-3


def test_on_a_polar_grid_it_is_the_way_from_the_middle() -> None:
    longitudes, latitudes = places()

    turned = to_earth(grid_of("polar"), longitudes, latitudes, WIND)

    assert off_deg(bearing_deg(turned), bearing_deg(WIND) + longitudes - 210).max() < 1e-3


def test_on_a_mercator_grid_nothing_is_turned() -> None:
    turned = to_earth(grid_of("mercator"), *places(-80, 80), WIND)

    assert off_deg(bearing_deg(turned), bearing_deg(WIND)).max() < 1e-3


def test_on_a_rotated_grid_it_is_what_spherical_trigonometry_says() -> None:
    """The angle at the place in the triangle of place, pole and rotated pole."""
    longitudes, latitudes = places(-60, 85)

    turned = to_earth(grid_of("rotated"), longitudes, latitudes, WIND)

    # The rotated north pole lies at 36.1 N, on the far side of the grid's middle meridian.
    pole_lat, pole_lon = np.radians(36.1), np.radians(245.3 - 180)
    lat, lon = np.radians(latitudes), np.radians(longitudes)
    to_rotated_north = np.arctan2(
        np.cos(pole_lat) * np.sin(pole_lon - lon),
        np.cos(lat) * np.sin(pole_lat) - np.sin(lat) * np.cos(pole_lat) * np.cos(pole_lon - lon),
    )
    expected = bearing_deg(WIND) + np.degrees(to_rotated_north)
    assert off_deg(bearing_deg(turned), expected).max() < 1e-3


@pytest.mark.parametrize("name", sorted(PROJECTIONS))
def test_it_blows_to_where_the_grid_says(name: str) -> None:
    """A small way along the axes of the plane leads to the same place as the bearing."""
    grid = grid_of(name)
    proj = Proj(grid.proj)
    longitudes, latitudes = places(25, 80)

    turned = to_earth(grid, longitudes, latitudes, WIND)

    unit = np.radians(1) if proj.crs.is_geographic else 111_000.0
    x, y = proj(longitudes, latitudes)
    speeds = np.hypot(*WIND) * 1e4
    # Degrees of a rotated longitude are shorter away from its equator.
    narrow = np.cos(y) if proj.crs.is_geographic else 1.0
    end = proj(
        x + WIND.along_x / speeds * unit / narrow, y + WIND.along_y / speeds * unit, inverse=True
    )
    way = (end[0] - longitudes + 180) % 360 - 180
    moved = Wind(way * np.cos(np.radians(latitudes)), end[1] - latitudes)
    assert off_deg(bearing_deg(moved), bearing_deg(turned)).max() < 0.01


@pytest.mark.parametrize("name", sorted(PROJECTIONS))
def test_the_speed_stays(name: str) -> None:
    turned = to_earth(grid_of(name), *places(), WIND)

    assert np.hypot(*turned) == pytest.approx(np.hypot(*WIND), rel=1e-9)


def test_winds_to_east_and_north_are_left_alone() -> None:
    for grid in (grid_of("lambert", along_axes=False), global_grid()):
        assert to_earth(grid, *places(), WIND) is WIND


def test_at_the_pole_itself_there_is_an_answer() -> None:
    """Which way north is follows from the longitude that the pole is given."""
    turned = to_earth(
        grid_of("polar"),
        np.array([210.0, 240.0]),
        np.array([90.0, 90.0]),
        Wind(np.array([0.0, 0.0]), np.array([1.0, 1.0])),
    )

    assert bearing_deg(turned) == pytest.approx([0, 30], abs=1e-6)


@settings(deadline=None)
@given(
    st.sampled_from(["EPSG:3413", "EPSG:3031", "EPSG:32661", "EPSG:2154"]),
    st.integers(0, 10_000),
    st.floats(10, 1e5),
)
def test_on_a_picture_it_blows_to_where_the_map_says(crs: str, seed: int, pixel_m: float) -> None:
    """Seen from a place on the map, a small way along the bearing."""
    random = np.random.default_rng(seed)
    left, top = {"EPSG:32661": (2e6, 2e6), "EPSG:2154": (5e5, 6.9e6)}.get(crs, (0.0, 0.0))
    to_map = Transformer.from_crs("OGC:CRS84", crs, always_xy=True)

    def at(x_px: Float64s, y_px: Float64s) -> tuple[Float64s, Float64s]:
        found: tuple[Float64s, Float64s] = to_map.transform(
            left + x_px * pixel_m, top - y_px * pixel_m, direction="INVERSE"
        )
        return found

    x_px, y_px = random.uniform(1, 5e5 / pixel_m + 1, (2, 50))
    wind = Wind(random.normal(0, 10, 50), random.normal(0, 10, 50))

    shown = to_picture(at, x_px, y_px, wind)

    longitudes, latitudes = at(x_px, y_px)
    end = to_map.transform(*EARTH.fwd(longitudes, latitudes, bearing_deg(wind), np.ones(50))[:2])
    moved = Wind(end[0] - (left + x_px * pixel_m), end[1] - (top - y_px * pixel_m))
    # Winds are turned on a sphere, the map is one of an ellipsoid.
    assert off_deg(bearing_deg(shown), bearing_deg(moved)).max() < 0.06


@lru_cache(maxsize=1)
def nam_winds() -> tuple[Field, Field]:
    grib = pytest.importorskip("consumers.handlers.tiles.grib")
    fields = {field.name: field for field in grib.read_fields(GRIDS / NAM)}
    return fields["UGRD_250mb"], fields["VGRD_250mb"]


@lru_cache(maxsize=1)
def nam_points() -> tuple[Float64s, Float64s]:
    """Longitudes and latitudes of every point of the file, as ecCodes gives them."""
    eccodes = pytest.importorskip("eccodes")
    with (GRIDS / NAM).open("rb") as file:
        handle = eccodes.codes_grib_new_from_file(file)
        try:
            shape = eccodes.codes_get(handle, "Ny"), eccodes.codes_get(handle, "Nx")
            found: list[Any] = [
                eccodes.codes_get_array(handle, key).reshape(shape)
                for key in ("longitudes", "latitudes")
            ]
        finally:
            eccodes.codes_release(handle)
    return found[0], found[1]


def true_wind(row: int, col: int) -> complex:
    """East + i north, from where the next points of the grid lie and from nothing else."""
    longitudes, latitudes = (np.radians(each) for each in nam_points())

    def bearing(to_row: int, to_col: int) -> float:
        """Of the great circle to another point, clockwise from north."""
        lon0, lat0 = longitudes[row, col], latitudes[row, col]
        lon1, lat1 = longitudes[to_row, to_col], latitudes[to_row, to_col]
        return float(
            np.arctan2(
                np.sin(lon1 - lon0) * np.cos(lat1),
                np.cos(lat0) * np.sin(lat1) - np.sin(lat0) * np.cos(lat1) * np.cos(lon1 - lon0),
            )
        )

    def axis(ahead: float, behind: float) -> complex:
        """The direction of an axis, halfway between the next point and away from the last."""
        both = np.exp(1j * (np.pi / 2 - ahead)) - np.exp(1j * (np.pi / 2 - behind))
        return complex(both / abs(both))

    along_x = axis(bearing(row, col + 1), bearing(row, col - 1))
    along_y = axis(bearing(row + 1, col), bearing(row - 1, col))
    u, v = (float(field.values[row, col]) for field in nam_winds())
    return u * along_x + v * along_y


#: Ten points all over the grid, with winds of some strength.
NAM_POINTS = [
    (3, 4), (5, 88), (12, 45), (20, 70), (28, 10), (32, 46), (40, 85), (50, 30), (60, 5), (62, 90),
]  # fmt: skip


@needs_grids
@pytest.mark.parametrize(("row", "col"), NAM_POINTS)
def test_the_wind_of_nam_blows_to_where_the_points_of_its_file_lie(row: int, col: int) -> None:
    """Within half a degree; ecCodes itself turns no winds, but knows where points are."""
    east, north = nam_winds()
    assert isinstance(east.grid, ProjectedGrid)
    assert east.grid.wind_along_axes
    longitudes, latitudes = (each[row : row + 1, col] for each in nam_points())
    raw = Wind(*(each.values[row : row + 1, col].astype(np.float64) for each in (east, north)))

    turned = to_earth(east.grid, longitudes, latitudes, raw)

    true = true_wind(row, col)
    expected = np.degrees(np.arctan2(true.real, true.imag))
    assert off_deg(bearing_deg(turned), np.array([expected])).max() < 0.5
    assert np.hypot(*turned) == pytest.approx(np.hypot(*raw))


@needs_grids
def test_without_turning_the_wind_of_nam_would_be_wrong() -> None:
    """The corners of the grid are 15 degrees and more off: the test above can fail."""
    raw = [complex(*(float(each.values[at]) for each in nam_winds())) for at in NAM_POINTS]
    true = [true_wind(*at) for at in NAM_POINTS]
    off = np.angle(np.array(true) / np.array(raw), deg=True)

    assert off.min() < -15
    assert off.max() > 15
