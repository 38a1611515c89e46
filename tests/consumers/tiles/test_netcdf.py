"""NetCDF files as tests write them, and what becomes of them."""

import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from consumers.handlers.tiles.dataerrors import IngestError, NetcdfError, TilesDataError
from consumers.handlers.tiles.field import Field, SkippedField
from consumers.handlers.tiles.grid import GeographicGrid, ProjectedGrid
from consumers.handlers.tiles.ingest import ingest_file
from tests.support.tiledata import open_tile_data, stored_files

pytest.importorskip("xarray")
pytest.importorskip("netCDF4")

import xarray as xr

from consumers.handlers.tiles.netcdf import read_fields

RUN = datetime(2026, 11, 22, 6, tzinfo=UTC)
LATITUDES = np.linspace(-90, 90, 37)
LONGITUDES = np.arange(-180.0, 180.0, 5.0)

Attributes = dict[str, object]


def values_of(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def forecast(
    latitudes: np.ndarray[tuple[int, ...]] = LATITUDES,
    longitudes: np.ndarray[tuple[int, ...]] = LONGITUDES,
    attributes: Attributes | None = None,
) -> xr.Dataset:
    """Temperature at two metres of one run, six and nine hours ahead."""
    shape = (2, len(latitudes), len(longitudes))
    told = {"standard_name": "air_temperature", "units": "K", **(attributes or {})}
    times = {"standard_name": "time", "units": "hours since 2026-11-22 00:00"}
    run = {"standard_name": "forecast_reference_time", "units": "seconds since 1970-01-01"}
    return xr.Dataset(
        {"temperature": (("time", "lat", "lon"), values_of(*shape), told)},
        {
            "time": ("time", np.array([12, 15]), times),
            "run": ((), int(RUN.timestamp()), run),
            "height": ((), 2.0, {"standard_name": "height", "units": "m"}),
            "lat": ("lat", latitudes, {"units": "degrees_north"}),
            "lon": ("lon", longitudes, {"units": "degrees_east"}),
        },
    )


def written(dataset: xr.Dataset, path: Path) -> Path:
    dataset.to_netcdf(path, engine="netcdf4")
    return path


def fields(path: Path) -> list[Field]:
    found = list(read_fields(path))
    assert not [each for each in found if isinstance(each, SkippedField)], found
    return [each for each in found if isinstance(each, Field)]


def reason(path: Path) -> str:
    [skipped] = read_fields(path)
    assert isinstance(skipped, SkippedField)
    return skipped.reason


def test_every_time_of_a_variable_is_a_field_of_its_run(tmp_path: Path) -> None:
    six, nine = fields(written(forecast(), tmp_path / "gfs.nc"))

    assert (six.parameter, six.level, six.units) == ("TMP", "2m", "K")
    assert six.reference_time == nine.reference_time == RUN
    assert (six.forecast, nine.forecast) == (timedelta(hours=6), timedelta(hours=9))
    assert six.grid == GeographicGrid(72, 37, -180.0, 90.0, 5.0, -5.0)
    np.testing.assert_array_equal(six.values, values_of(2, 37, 72)[0, ::-1])


@pytest.mark.parametrize(
    "longitudes",
    [
        np.arange(0.0, 360.0, 5.0),
        np.arange(-180.0, 180.0, 5.0),
        (np.arange(0.0, 360.0, 5.0) + 180) % 360 - 180,
        np.arange(175.0, -185.0, -5.0),
    ],
    ids=["from 0", "from -180", "from 0 over 180 to -5", "from east to west"],
)
@pytest.mark.parametrize("latitudes", [LATITUDES, LATITUDES[::-1]], ids=["up", "down"])
def test_values_lie_at_their_points_in_any_order(
    latitudes: np.ndarray[tuple[int, ...]], longitudes: np.ndarray[tuple[int, ...]], tmp_path: Path
) -> None:
    field, _ = fields(written(forecast(latitudes, longitudes), tmp_path / "gfs.nc"))

    assert isinstance(field.grid, GeographicGrid)
    assert field.grid.wraps
    found_longitudes = field.grid.lon0_deg + 5.0 * np.arange(72)
    for row, col in ((0, 0), (5, 40), (36, 71)):
        north = int(np.argmin(abs(latitudes - field.grid.latitudes_deg[row])))
        east = int(np.argmin(abs((longitudes - found_longitudes[col] + 180) % 360 - 180)))
        assert field.values[row, col] == north * 72 + east


def test_dimensions_may_come_in_any_order(tmp_path: Path) -> None:
    turned = forecast().transpose("lon", "lat", "time")

    one = fields(written(forecast(), tmp_path / "one.nc"))
    other = fields(written(turned, tmp_path / "other.nc"))

    np.testing.assert_array_equal(one[1].values, other[1].values)


def test_uneven_latitudes_are_kept_one_by_one(tmp_path: Path) -> None:
    latitudes = np.degrees(np.arcsin(np.linspace(-0.9, 0.9, 19)))

    field, _ = fields(written(forecast(latitudes), tmp_path / "gauss.nc"))

    assert isinstance(field.grid, GeographicGrid)
    assert field.grid.lats_deg == tuple(latitudes[::-1])


def test_packed_values_are_unpacked_and_fill_values_are_missing(tmp_path: Path) -> None:
    dataset = forecast()
    dataset["temperature"][0, 3, 4] = np.nan
    path = tmp_path / "packed.nc"
    packing = {"dtype": "i4", "scale_factor": 0.5, "add_offset": 200.0, "_FillValue": -32767}
    dataset.to_netcdf(path, engine="netcdf4", encoding={"temperature": packing})

    field, _ = fields(path)

    expected = values_of(2, 37, 72)[0]
    expected[3, 4] = np.nan
    np.testing.assert_allclose(field.values, expected[::-1])


@pytest.mark.parametrize(
    ("attributes", "parameter", "units", "second"),
    [
        ({"units": "degC"}, "TMP", "K", 274.15),
        ({"standard_name": "air_pressure_at_mean_sea_level", "units": "hPa"}, "PRMSL", "Pa", 100),
        ({"standard_name": "wind_speed", "units": "knots"}, "WIND", "m s**-1", 1852 / 3600),
        ({"standard_name": "eastward_wind", "units": "m s-1"}, "UGRD", "m s**-1", 1),
        ({"standard_name": "relative_humidity", "units": "1"}, "RH", "%", 100),
        ({"standard_name": "precipitation_amount", "units": "kg m-2"}, "APCP", "kg m**-2", 1),
        ({"standard_name": "never_heard_of"}, "TEMPERATURE", "K", 1),
    ],
)
def test_units_and_names_become_those_that_styles_expect(
    attributes: Attributes, parameter: str, units: str, second: float, tmp_path: Path
) -> None:
    dataset = forecast(LATITUDES[::-1], attributes=attributes)

    field, _ = fields(written(dataset, tmp_path / "gfs.nc"))

    assert (field.parameter, field.units) == (parameter, units)
    assert field.values[0, 1] == pytest.approx(second)


def test_pressure_levels_and_forecast_periods_name_layers_and_times(tmp_path: Path) -> None:
    shape = (2, 2, 37, 72)
    dims = ("step", "isobaric", "latitude", "longitude")
    dataset = xr.Dataset(
        {"z": (dims, values_of(*shape), {"standard_name": "geopotential_height", "units": "m"})},
        {
            "time": (
                (),
                int(RUN.timestamp()),
                {"standard_name": "forecast_reference_time", "units": "seconds since 1970-01-01"},
            ),
            "step": (
                "step",
                np.array([0, 90]),
                {"standard_name": "forecast_period", "units": "minutes"},
            ),
            "isobaric": (
                "isobaric",
                np.array([850.0, 500.0]),
                {"standard_name": "air_pressure", "units": "hPa"},
            ),
            "latitude": ("latitude", LATITUDES),
            "longitude": ("longitude", LONGITUDES),
        },
    )

    found = fields(written(dataset, tmp_path / "levels.nc"))

    assert [(each.name, each.forecast) for each in found] == [
        ("HGT_850mb", timedelta(0)),
        ("HGT_500mb", timedelta(0)),
        ("HGT_850mb", timedelta(minutes=90)),
        ("HGT_500mb", timedelta(minutes=90)),
    ]
    assert {each.reference_time for each in found} == {RUN}


def test_times_without_a_run_are_analyses(tmp_path: Path) -> None:
    dataset = forecast().drop_vars(["run", "height"]).rename(temperature="t2m")

    first, second = fields(written(dataset, tmp_path / "era5.nc"))

    assert first.name == "TMP_2m"
    assert (first.forecast, second.forecast) == (timedelta(0), timedelta(0))
    assert second.reference_time - first.reference_time == timedelta(hours=3)


def test_a_calendar_of_no_almanac_is_left_out_with_a_reason(tmp_path: Path) -> None:
    dataset = forecast()
    dataset["time"].attrs["calendar"] = "360_day"

    assert "a time of the usual calendar" in reason(written(dataset, tmp_path / "climate.nc"))


def test_what_is_no_field_is_left_out_with_what_was_expected(tmp_path: Path) -> None:
    members = forecast().expand_dims(number=3)
    stations = xr.Dataset({"rain": ("station", np.zeros(4))})
    uneven = forecast(longitudes=LONGITUDES**3 / 180**2)

    assert "its dimension 'number' of 3 is neither" in reason(written(members, tmp_path / "a.nc"))
    assert "expected latitude and longitude" in reason(written(stations, tmp_path / "b.nc"))
    assert "'lon' is not evenly spaced" in reason(written(uneven, tmp_path / "c.nc"))


def test_x_and_y_become_a_projected_grid(tmp_path: Path) -> None:
    mapping = {
        "grid_mapping_name": "lambert_conformal_conic",
        "standard_parallel": [25.0, 25.0],
        "longitude_of_central_meridian": -95.0,
        "latitude_of_projection_origin": 25.0,
        "earth_radius": 6_371_229.0,
    }
    told = {"standard_name": "x_wind", "units": "m s-1", "grid_mapping": "lambert"}
    dataset = xr.Dataset(
        {
            "u10": (("time", "y", "x"), values_of(1, 3, 4), told),
            "lambert": ((), 0, mapping),
        },
        {
            "time": ("time", np.array([0]), {"units": "hours since 2026-11-22 06:00"}),
            "y": ("y", np.array([-80.0, 0.0, 80.0]), {"units": "km"}),
            "x": ("x", np.array([0.0, 80.0, 160.0, 240.0]), {"units": "km"}),
        },
    )

    [field] = fields(written(dataset, tmp_path / "nam.nc"))

    assert field.grid == ProjectedGrid(
        4,
        3,
        "+proj=lcc +lat_1=25 +lat_2=25 +lat_0=25 +lon_0=-95 +x_0=0 +y_0=0 +R=6371229",
        0.0,
        -80_000.0,
        80_000.0,
        80_000.0,
    )
    assert isinstance(field.grid, ProjectedGrid)
    assert field.grid.wind_along_axes
    assert (field.name, field.reference_time) == ("UGRD_10m", RUN)


async def test_a_file_becomes_layers_and_its_winds_a_speed(tmp_path: Path) -> None:
    dataset = forecast().drop_vars("height").rename(temperature="u10")
    dataset["v10"] = dataset["u10"]
    path = written(dataset, tmp_path / "wrf_d01.nc")

    async with open_tile_data(tmp_path / "data") as data:
        report = await ingest_file(path, data.catalog, data.store)
        again = await ingest_file(path, data.catalog, data.store, model="mine")

    assert {each.layer for each in report.datasets} == {
        "wrf_UGRD_10m",
        "wrf_VGRD_10m",
        "wrf_WIND_10m",
    }
    assert {each.layer for each in again.datasets} >= {"mine_WIND_10m"}


async def test_a_file_without_fields_is_refused_with_its_reasons(tmp_path: Path) -> None:
    path = written(xr.Dataset({"rain": ("station", np.zeros(4))}), tmp_path / "stations.nc")

    async with open_tile_data(tmp_path / "data") as data:
        with pytest.raises(IngestError, match="its dimensions are station: expected latitude"):
            await ingest_file(path, data.catalog, data.store)


async def test_a_file_cut_short_leaves_nothing(tmp_path: Path) -> None:
    path = written(forecast(), tmp_path / "gfs.nc")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    async with open_tile_data(tmp_path / "data") as data:
        with pytest.raises(TilesDataError, match="is it whole"):
            await ingest_file(path, data.catalog, data.store)

    assert stored_files(tmp_path / "data") == []


def test_classic_files_are_read(tmp_path: Path) -> None:
    path = tmp_path / "classic.nc"
    forecast().to_netcdf(path, engine="netcdf4", format="NETCDF3_CLASSIC")

    assert len(fields(path)) == 2


@pytest.mark.filterwarnings("ignore")
async def test_a_directory_of_zarr_is_read_the_same_way(tmp_path: Path) -> None:
    pytest.importorskip("zarr")
    forecast().to_zarr(tmp_path / "gfs.zarr", zarr_format=2, consolidated=True)

    async with open_tile_data(tmp_path / "data") as data:
        report = await ingest_file(tmp_path / "gfs.zarr", data.catalog, data.store)

    assert [each.layer for each in report.datasets] == ["gfs_TMP_2m"] * 2


def test_a_directory_of_something_else_is_no_zarr(tmp_path: Path) -> None:
    with pytest.raises(NetcdfError, match="cannot be read as Zarr"):
        list(read_fields(tmp_path))


def test_one_field_is_in_memory_at_a_time(tmp_path: Path) -> None:
    hours = np.arange(30)
    dataset = xr.Dataset(
        {"t2m": (("time", "lat", "lon"), values_of(30, 181, 360))},
        {
            "time": ("time", hours, {"units": "hours since 2026-11-22 06:00"}),
            "lat": ("lat", np.linspace(90.0, -90.0, 181)),
            "lon": ("lon", np.arange(0.0, 360.0)),
        },
    )
    path = written(dataset, tmp_path / "era5.nc")
    del dataset
    for _ in read_fields(path):
        break

    tracemalloc.start()
    try:
        count = sum(1 for _ in read_fields(path))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert count == 30
    assert peak < 8 * 181 * 360 * 4


@pytest.mark.parametrize("form", ["NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA"])
@pytest.mark.parametrize("unlimited", [[], ["time"]], ids=["fixed", "records"])
def test_a_classic_file_is_read_whole_or_not_at_all(
    form: Literal["NETCDF3_CLASSIC"], unlimited: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "classic.nc"
    forecast().to_netcdf(path, engine="netcdf4", format=form, unlimited_dims=unlimited)
    whole = path.read_bytes()
    assert len(fields(path)) == 2

    for size in (len(whole) - 8, len(whole) * 2 // 3, 700, 100, 5):
        path.write_bytes(whole[:size])
        with pytest.raises(NetcdfError, match="is not whole"):
            list(read_fields(path))
