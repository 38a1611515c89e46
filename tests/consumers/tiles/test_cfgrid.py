"""Grid mappings of CF, against pyproj's own reading of them."""

import numpy as np
import pytest
from pyproj import CRS, Proj, Transformer

from consumers.handlers.tiles.cfgrid import Axis, Placed, geographic, projected
from consumers.handlers.tiles.dataerrors import CfError
from consumers.handlers.tiles.errors import GridError
from consumers.handlers.tiles.grid import ProjectedGrid

SPHERE = {"earth_radius": 6_371_229.0}

MAPPINGS: dict[str, dict[str, object]] = {
    "lambert": {
        "grid_mapping_name": "lambert_conformal_conic",
        "standard_parallel": [30.0, 60.0],
        "longitude_of_central_meridian": 10.0,
        "latitude_of_projection_origin": 45.0,
        "false_easting": 1000.0,
        "false_northing": -2000.0,
        **SPHERE,
    },
    "polar stereographic": {
        "grid_mapping_name": "polar_stereographic",
        "standard_parallel": 60.0,
        "straight_vertical_longitude_from_pole": -150.0,
        "latitude_of_projection_origin": 90.0,
        "semi_major_axis": 6_378_137.0,
        "inverse_flattening": 298.257223563,
    },
    "mercator": {
        "grid_mapping_name": "mercator",
        "standard_parallel": 20.0,
        "longitude_of_projection_origin": -158.0,
        "semi_major_axis": 6_378_137.0,
        "semi_minor_axis": 6_356_752.3,
    },
    "rotated pole": {
        "grid_mapping_name": "rotated_latitude_longitude",
        "grid_north_pole_latitude": 31.76,
        "grid_north_pole_longitude": 92.4,
        "north_pole_grid_longitude": 0.0,
        **SPHERE,
    },
}


def placed(mapping: dict[str, object]) -> Placed:
    units = "degrees" if "rotated" in str(mapping["grid_mapping_name"]) else "m"
    rows, columns = Axis("y", np.array([0.0, 1.0]), units), Axis("x", np.array([0.0, 1.0]), units)
    return projected(mapping, rows, columns, wind_along_axes=False)


@pytest.mark.parametrize("mapping", MAPPINGS.values(), ids=MAPPINGS)
def test_a_place_on_the_earth_has_the_x_and_y_that_pyproj_reads_from_the_mapping(
    mapping: dict[str, object],
) -> None:
    grid = placed(mapping).grid
    assert isinstance(grid, ProjectedGrid)
    crs = CRS.from_cf(mapping)
    assert crs.geodetic_crs is not None
    oracle = Transformer.from_crs(_geographic_base(crs), crs, always_xy=True)
    longitudes = np.array([-150.0, -20.0, 0.0, 10.0, 30.0])
    latitudes = np.array([20.0, 40.0, 50.0, 60.0, 70.0])

    proj = Proj(grid.proj)
    found = np.array(proj(longitudes, latitudes))
    if proj.crs.is_geographic:
        found = np.degrees(found)

    expected = np.array(oracle.transform(longitudes, latitudes))
    np.testing.assert_allclose(found, expected, atol=1e-9 if proj.crs.is_geographic else 1e-3)


def _geographic_base(crs: CRS) -> CRS:
    """Degrees on the earth of *crs*, not on its rotated one."""
    base = crs.source_crs if crs.is_derived and crs.source_crs is not None else crs.geodetic_crs
    assert base is not None
    return base


@pytest.mark.parametrize(
    ("mapping", "complaint"),
    [
        ({"grid_mapping_name": "geostationary"}, "is 'geostationary'; supported are lambert"),
        ({"grid_mapping_name": "mercator"}, "lacks 'longitude_of_projection_origin'"),
        ({}, "is 'without a name'"),
    ],
)
def test_what_cannot_be_projected_says_what_is_missing(
    mapping: dict[str, object], complaint: str
) -> None:
    rows = Axis("y", np.array([0.0, 1.0]), "m")
    with pytest.raises(CfError, match=complaint):
        projected(mapping, rows, rows, wind_along_axes=False)


def test_a_plane_needs_metres() -> None:
    rows = Axis("y", np.array([0.0, 1.0]), "furlong")
    with pytest.raises(CfError, match="'y' is in 'furlong': expected m or km"):
        projected(MAPPINGS["mercator"], rows, rows, wind_along_axes=False)


def test_one_point_and_missing_points_are_no_grid() -> None:
    three = Axis("lat", np.array([1.0, 2.0, 3.0]), "degrees_north")
    with pytest.raises(GridError, match="'lon' has less than two points"):
        geographic(three, Axis("lon", np.array([1.0]), "degrees_east"))
    with pytest.raises(CfError, match="'lon' has missing values"):
        geographic(three, Axis("lon", np.array([1.0, np.nan]), "degrees_east"))


def test_latitudes_that_turn_around_are_no_grid() -> None:
    longitudes = Axis("lon", np.array([1.0, 2.0]), "degrees_east")
    with pytest.raises(GridError, match="rise or fall all the way"):
        geographic(Axis("lat", np.array([1.0, 3.0, 2.0]), "degrees_north"), longitudes)
