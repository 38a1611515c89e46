import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyproj import Proj

from consumers.handlers.tiles.dataerrors import GribError
from consumers.handlers.tiles.field import Field, SkippedField
from consumers.handlers.tiles.grid import GeographicGrid, ProjectedGrid
from tests.support.sampledata import GRIDS, needs_grids

pytest.importorskip("eccodes")

from consumers.handlers.tiles.codes import eccodes
from consumers.handlers.tiles.grib import read_fields
from tests.support.gribfiles import grib_message, regular_grid, write_grib

RUN = datetime(2026, 11, 22, 6, tzinfo=UTC)
SHAPE = (7, 12)
VALUES = np.arange(84, dtype=float).reshape(SHAPE)


def message(values: Any = VALUES, **keys: Any) -> bytes:
    return grib_message(values, run=RUN, keys={**regular_grid(12, 7), **keys})


def only(path: Path) -> Field:
    [field] = read_fields(path)
    assert isinstance(field, Field)
    return field


def test_a_field_has_its_name_time_units_and_values(tmp_path: Path) -> None:
    keys = {"shortName": "2t", "forecastTime": 9}

    field = only(write_grib(tmp_path / "f", [message(VALUES + 250, **keys)]))

    assert (field.name, field.units) == ("TMP_2m", "K")
    assert (field.reference_time, field.forecast) == (RUN, timedelta(hours=9))
    assert field.grid == GeographicGrid(12, 7, 0.0, 90.0, 30.0, -30.0)
    assert field.values.dtype == np.float32
    np.testing.assert_allclose(field.values, VALUES + 250, rtol=1e-6)


def test_grib_1_is_read_as_well(tmp_path: Path) -> None:
    data = grib_message(
        VALUES,
        sample="regular_ll_pl_grib1",
        run=RUN,
        keys={**regular_grid(12, 7), "shortName": "t", "level": 850},
    )

    field = only(write_grib(tmp_path / "f", [data]))

    assert field.name == "TMP_850mb"
    assert field.reference_time == RUN
    np.testing.assert_allclose(field.values, VALUES, atol=1e-4)


def test_missing_points_are_nan_and_9999_is_a_value(tmp_path: Path) -> None:
    values = VALUES.copy()
    values[2, 3], values[4, 5] = np.nan, 9999

    field = only(write_grib(tmp_path / "f", [message(values)]))

    np.testing.assert_allclose(field.values, values, rtol=1e-5, atol=1e-3)


def test_steps_may_be_minutes_and_spans_count_from_their_end(tmp_path: Path) -> None:
    minutes = message(stepUnits="m", forecastTime=15)
    span = message(productDefinitionTemplateNumber=8, shortName="tp", stepRange="6-12")

    fields = list(read_fields(write_grib(tmp_path / "f", [minutes, span])))

    assert [field.forecast for field in fields if isinstance(field, Field)] == [
        timedelta(minutes=15),
        timedelta(hours=12),
    ]


@pytest.mark.parametrize("west_first", [True, False])
@pytest.mark.parametrize("north_first", [True, False])
@pytest.mark.parametrize("by_column", [True, False])
@pytest.mark.parametrize("boustrophedon", [True, False])
def test_every_order_of_points_ends_with_each_value_in_its_place(
    tmp_path: Path, *, west_first: bool, north_first: bool, by_column: bool, boustrophedon: bool
) -> None:
    """Written in any of the 16 orders of the standard, the field is the same."""
    north, south = (90.0, -90.0) if north_first else (-90.0, 90.0)
    west, east = (0.0, 330.0) if west_first else (330.0, 0.0)
    in_file = VALUES[:, :: 1 if west_first else -1][:: 1 if north_first else -1]
    lines = (in_file.T if by_column else in_file).copy()
    if boustrophedon:
        lines[1::2] = lines[1::2, ::-1]
    data = message(
        lines,
        iScansNegatively=int(not west_first),
        jScansPositively=int(not north_first),
        jPointsAreConsecutive=int(by_column),
        alternativeRowScanning=int(boustrophedon),
        latitudeOfFirstGridPointInDegrees=north,
        latitudeOfLastGridPointInDegrees=south,
        longitudeOfFirstGridPointInDegrees=west,
        longitudeOfLastGridPointInDegrees=east,
    )

    field = only(write_grib(tmp_path / "f", [data]))

    assert field.grid == GeographicGrid(12, 7, 0.0, 90.0, 30.0, -30.0)
    np.testing.assert_allclose(field.values, VALUES, atol=1e-3)


PROJECTIONS: dict[str, dict[str, Any]] = {
    "lambert": {
        "Latin1InDegrees": 38.5,
        "Latin2InDegrees": 38.5,
        "LaDInDegrees": 38.5,
        "LoVInDegrees": 262.5,
        "DxInMetres": 90_000,
        "DyInMetres": 80_000,
    },
    "polar_stereographic": {
        "orientationOfTheGridInDegrees": 210.0,
        "LaDInDegrees": 60.0,
        "DxInMetres": 90_000,
        "DyInMetres": 80_000,
    },
}


def projected_message(kind: str, **keys: Any) -> bytes:
    return grib_message(
        VALUES,
        sample="GRIB2",
        run=RUN,
        keys={
            "gridType": kind,
            "Nx": 12,
            "Ny": 7,
            "latitudeOfFirstGridPointInDegrees": 40.0,
            "longitudeOfFirstGridPointInDegrees": 250.0,
            "jScansPositively": 1,
            "shapeOfTheEarth": 6,
            **PROJECTIONS[kind],
            **keys,
        },
    )


@pytest.mark.parametrize("kind", sorted(PROJECTIONS))
def test_a_projected_grid_has_its_points_where_eccodes_has_them(tmp_path: Path, kind: str) -> None:
    data = projected_message(kind)
    handle = eccodes.codes_new_from_message(data)
    lats, lons = (eccodes.codes_get_array(handle, key) for key in ("latitudes", "longitudes"))
    eccodes.codes_release(handle)

    grid = only(write_grib(tmp_path / "f", [data])).grid

    assert isinstance(grid, ProjectedGrid)
    x, y = Proj(grid.proj)(lons.reshape(SHAPE), lats.reshape(SHAPE))
    np.testing.assert_allclose((x - grid.x0_m) / grid.dx_m, np.mgrid[0:7, 0:12][1], atol=1e-3)
    np.testing.assert_allclose((y - grid.y0_m) / grid.dy_m, np.mgrid[0:7, 0:12][0], atol=1e-3)


def test_rows_of_a_projected_grid_may_go_south_from_its_first_point(tmp_path: Path) -> None:
    north_first = projected_message("lambert", jScansPositively=0)
    south_first = projected_message("lambert")

    down, up = (
        only(write_grib(tmp_path / name, [data]))
        for name, data in (("down", north_first), ("up", south_first))
    )

    assert isinstance(down.grid, ProjectedGrid)
    assert isinstance(up.grid, ProjectedGrid)
    assert (down.grid.x0_m, down.grid.y0_m) == (up.grid.x0_m, up.grid.y0_m)
    assert down.grid.dy_m == -up.grid.dy_m == -80_000
    np.testing.assert_array_equal(down.values, up.values)


@pytest.mark.parametrize("along", [False, True])
def test_it_is_kept_whether_winds_are_along_the_axes_of_the_grid(
    tmp_path: Path,
    along: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    data = projected_message("lambert", uvRelativeToGrid=int(along), shortName="10u")

    grid = only(write_grib(tmp_path / "f", [data])).grid

    assert isinstance(grid, ProjectedGrid)
    assert grid.wind_along_axes is along


def test_a_gaussian_grid_keeps_its_own_latitudes(tmp_path: Path) -> None:
    data = grib_message(sample="regular_gg_sfc_grib2")

    grid = only(write_grib(tmp_path / "f", [data])).grid

    assert isinstance(grid, GeographicGrid)
    assert grid.lats_deg is not None
    expected = np.degrees(np.arcsin(np.polynomial.legendre.leggauss(grid.ny)[0]))[::-1]
    np.testing.assert_allclose(grid.lats_deg, expected, atol=1e-5)


def test_a_grid_of_another_type_is_left_out_by_name(tmp_path: Path) -> None:
    data = grib_message(sample="reduced_gg_sfc_grib2")

    [skipped] = read_fields(write_grib(tmp_path / "f", [data]))

    assert isinstance(skipped, SkippedField)
    assert "its grid is of the type 'reduced_gg'; supported are lambert" in skipped.reason


def test_damaged_values_are_told_with_the_number_of_the_field(tmp_path: Path) -> None:
    whole = message()
    # The number of values in section 5 no longer fits the grid.
    at = whole.index(b"\x00\x00\x00\x15\x05") + 5
    damaged = whole[:at] + b"\x00\x00\x00\x03" + whole[at + 4 :]
    path = write_grib(tmp_path / "f", [message(), damaged])

    with pytest.raises(GribError, match="field 2 cannot be decoded"):
        list(read_fields(path))


def test_eccodes_and_pyproj_live_in_one_process() -> None:
    """Loaded in the other order, pyproj has no database and the process dies at its end."""
    program = (
        "import consumers.handlers.tiles.grib, pyproj\nprint(pyproj.CRS('EPSG:3857').to_epsg())\n"
    )

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "3857\n", "")


@needs_grids
@pytest.mark.parametrize(
    ("file", "layers"),
    [
        ("gfs_2p5_20110110t12z_f120.grib2", {"gfs_TMP_2m", "gfs_VGRD_10m", "gfs_TMP_10-40cm"}),
        ("gfs_1p0_20061004t00z_f072_prmsl.grib2", {"gefs-m05_PRMSL_msl"}),
        ("ecmwf_ifs_0p4_20240101t00z_gh250_gh700.grib2", {"ifs_HGT_250mb", "ifs_HGT_700mb"}),
        ("nam211_80km_20180917t00z_anl.grib2", {"nam_UGRD_250mb", "nam_VGRD_250mb"}),
        ("hrrr_3km_20221014t01z_15min_refc.grib2", {"hrrr_REFC_atmosphere"}),
        ("hrdps_rotated_20260219t00z_cape.grib2", {"hrdps_CAPE_surface"}),
        ("gfswave_atlocn_0p16_20230823t18z_f001.grib2", {"gfswave_HTSGW_surface"}),
        ("aqm_alaska_polarstereo_20240516t12z_o3.grib2", {"aqm-ak_OZCON_sigma1"}),
    ],
)
def test_real_files_have_the_layers_that_people_expect(file: str, layers: set[str]) -> None:
    fields = [field for field in read_fields(GRIDS / file) if isinstance(field, Field)]

    assert layers <= {f"{field.model}_{field.name}" for field in fields}


@needs_grids
def test_codes_of_mrms_are_no_measurements() -> None:
    field = only(GRIDS / "mrms_conus_0p01_20230406t120039z_reflectivity.grib2")

    assert (field.model, field.units) == ("mrms", "dBZ")
    assert np.nanmin(field.values) > -99
    assert field.reference_time == datetime(2023, 4, 6, 12, 0, 39, tzinfo=UTC)
