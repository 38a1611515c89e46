"""Fields of NetCDF and Zarr files that follow the CF conventions, through xarray.

Every variable over two horizontal dimensions is read, one step of its other dimensions at a
time. What a coordinate is follows from its standard name, then its units, axis and name.
"""

from collections.abc import Generator, Hashable, Mapping
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from consumers.handlers.tiles.cfgrid import Axis, Placed, geographic, projected
from consumers.handlers.tiles.cfnames import ALONG_AXES, CfName, cf_name, converted, units_of
from consumers.handlers.tiles.cftimes import moment_of, run_and_forecast, span_of
from consumers.handlers.tiles.classicscan import require_whole
from consumers.handlers.tiles.dataerrors import CfError, NetcdfError
from consumers.handlers.tiles.errors import GridError
from consumers.handlers.tiles.field import Field, SkippedField
from consumers.handlers.tiles.names import level_name

#: Fields of one file: bounds what a wrong file may make us do.
FIELDS_MAX: Final = 100_000

_LATITUDE: Final = "latitude"
_LONGITUDE: Final = "longitude"
_ROWS: Final = frozenset({_LATITUDE, "projection_y_coordinate", "grid_latitude"})
_COLUMNS: Final = frozenset({_LONGITUDE, "projection_x_coordinate", "grid_longitude"})

_ROLES_BY_UNITS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("degrees_north", "degree_north", "degrees_N", "degreeN"), _LATITUDE),
    **dict.fromkeys(("degrees_east", "degree_east", "degrees_E", "degreeE"), _LONGITUDE),
}
_ROLES_BY_NAME: Final[Mapping[str, str]] = {
    "lat": _LATITUDE,
    "latitude": _LATITUDE,
    "lon": _LONGITUDE,
    "longitude": _LONGITUDE,
    "rlat": "grid_latitude",
    "rlon": "grid_longitude",
    "time": "time",
    "x": "projection_x_coordinate",
    "y": "projection_y_coordinate",
}

#: Vertical coordinates: the kind of level (see `names`), and their units in SI units.
_LEVELS: Final[Mapping[str, tuple[str, Mapping[str, float]]]] = {
    "air_pressure": ("isobaricInPa", {"Pa": 1.0, "hPa": 100.0, "mbar": 100.0, "millibars": 100.0}),
    "altitude": ("heightAboveSea", {"m": 1.0}),
    "depth": ("depthBelowLand", {"m": 1.0, "cm": 0.01}),
    "height": ("heightAboveGround", {"m": 1.0}),
    "height_above_mean_sea_level": ("heightAboveSea", {"m": 1.0}),
}

_TOLD_APART: Final = frozenset({"forecast_period", "forecast_reference_time", "time", *_LEVELS})


class _Shape(NamedTuple):
    """Which dimensions of a variable are rows and columns, and where its points lie."""

    row: Hashable
    column: Hashable
    placed: Placed


def read_fields(path: Path) -> Generator[Field | SkippedField]:
    """The fields of a NetCDF file or a Zarr directory, one in memory at a time.

    Blocking: belongs in a worker thread.

    Raises:
        NetcdfError: the file, or a value of it, cannot be read.
    """
    if path.is_file():
        require_whole(path)
    with _opened(path) as dataset:
        for name in dataset.data_vars:
            try:
                yield from _fields(dataset, dataset[name])
            except (CfError, GridError) as error:
                yield SkippedField(str(name), str(error))


def _opened(path: Path) -> xr.Dataset:
    try:
        return xr.open_dataset(
            path,
            engine="zarr" if path.is_dir() else "netcdf4",
            chunks=None,
            cache=False,
            decode_coords="all",
            decode_timedelta=False,
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise NetcdfError(
            f"{path} cannot be read as {'Zarr' if path.is_dir() else 'NetCDF'} ({error}): is it "
            "whole? Nothing of it was used"
        ) from error


def _fields(dataset: xr.Dataset, variable: xr.DataArray) -> Generator[Field | SkippedField]:
    name = _name(variable)
    shape = _shape(dataset, variable)
    others = [dim for dim in variable.dims if dim not in {shape.row, shape.column}]
    if (count := int(np.prod([variable.sizes[dim] for dim in others]))) > FIELDS_MAX:
        raise CfError(f"it has {count} fields, more than {FIELDS_MAX}")
    _require_known(variable, others)
    for places in product(*(range(variable.sizes[dim]) for dim in others)):
        layer = variable.isel(dict(zip(others, places, strict=True)))
        yield _field(layer.transpose(shape.row, shape.column), name, shape.placed)


def _field(layer: xr.DataArray, name: CfName, placed: Placed) -> Field:
    units = units_of(name.parameter, str(layer.attrs.get("units", "")).strip())
    run, ahead = _times(layer)
    return Field(
        model=None,
        parameter=name.parameter,
        level=_level(layer) or name.level or "surface",
        units=units.name,
        grid=placed.grid,
        reference_time=run,
        forecast=ahead,
        values=converted(_values(layer, placed), units),
    )


def _values(layer: xr.DataArray, placed: Placed) -> NDArray[np.float32]:
    try:
        values: NDArray[np.float32] = np.asarray(layer.values).astype(np.float32)
    except (OSError, RuntimeError, ValueError) as error:
        raise NetcdfError(
            f"the variable '{layer.name}' cannot be decoded ({error}): fetch the file again"
        ) from error
    values[~np.isfinite(values)] = np.nan
    rows = values[::-1] if placed.flip_rows else values
    return np.ascontiguousarray(rows[:, ::-1] if placed.flip_cols else rows)


def _name(variable: xr.DataArray) -> CfName:
    return cf_name(
        str(variable.name),
        _text(variable.attrs.get("standard_name")),
        _text(variable.attrs.get("GRIB_shortName")),
    )


def _shape(dataset: xr.Dataset, variable: xr.DataArray) -> _Shape:
    row, column = _horizontal(variable, _ROWS), _horizontal(variable, _COLUMNS)
    if row is None or column is None:
        raise CfError(
            f"its dimensions are {', '.join(map(str, variable.dims)) or 'none'}: expected "
            "latitude and longitude, or x and y of a projection, each with a coordinate of one "
            "dimension"
        )
    if not np.issubdtype(variable.dtype, np.number):
        raise CfError(f"its values are of the type {variable.dtype}: expected numbers")
    rows, columns = _axis(row), _axis(column)
    if _role(row) == _LATITUDE and _role(column) == _LONGITUDE:
        return _Shape(row.dims[0], column.dims[0], geographic(rows, columns))
    mapping = _mapping(dataset, variable)
    along = variable.attrs.get("standard_name") in ALONG_AXES
    placed = projected(mapping, rows, columns, wind_along_axes=along)
    return _Shape(row.dims[0], column.dims[0], placed)


def _mapping(dataset: xr.Dataset, variable: xr.DataArray) -> Mapping[str, Any]:
    """The attributes of the variable's grid mapping."""
    named = variable.encoding.get("grid_mapping", variable.attrs.get("grid_mapping"))
    if named is None:
        raise CfError("it has no attribute 'grid_mapping', which x and y need")
    # The long form names coordinates as well: "crs: x y".
    name = str(named).split(":", maxsplit=1)[0].strip()
    if name not in dataset.variables:
        raise CfError(f"its grid mapping '{name}' is not in the file")
    return {str(key): value for key, value in dataset[name].attrs.items()}


def _horizontal(variable: xr.DataArray, roles: frozenset[str]) -> xr.DataArray | None:
    found = (each for each in variable.coords.values() if each.dims and _role(each) in roles)
    return next((each for each in found if each.ndim == 1), None)


def _axis(coordinate: xr.DataArray) -> Axis:
    values = np.asarray(coordinate.values, dtype=np.float64)
    return Axis(str(coordinate.name), values, str(coordinate.attrs.get("units", "")).strip())


def _role(coordinate: xr.DataArray) -> str | None:
    """What the coordinate is, as a standard name."""
    return (
        _text(coordinate.attrs.get("standard_name"))
        or _ROLES_BY_UNITS.get(str(coordinate.attrs.get("units", "")))
        or _ROLES_BY_NAME.get(str(coordinate.name))
    )


def _require_known(variable: xr.DataArray, dims: list[Hashable]) -> None:
    """Refuse dimensions whose steps would be told apart by nothing in the layer's name."""
    for dim in dims:
        roles = {_role(each) for each in variable.coords.values() if dim in each.dims}
        if variable.sizes[dim] > 1 and not roles & _TOLD_APART:
            raise CfError(
                f"its dimension '{dim}' of {variable.sizes[dim]} is neither a time nor a level: "
                f"expected a coordinate with one of the standard names "
                f"{', '.join(sorted(_TOLD_APART))}"
            )


def _times(layer: xr.DataArray) -> tuple[datetime, timedelta]:
    valid = _scalar(layer, "time")
    run = _scalar(layer, "forecast_reference_time")
    ahead = _scalar(layer, "forecast_period")
    return run_and_forecast(
        None if valid is None else moment_of(str(valid.name), valid.values[()]),
        None if run is None else moment_of(str(run.name), run.values[()]),
        None
        if ahead is None
        else span_of(str(ahead.name), ahead.values[()], str(ahead.attrs.get("units", ""))),
    )


def _level(layer: xr.DataArray) -> str | None:
    for role, (kind, units) in _LEVELS.items():
        if (coordinate := _scalar(layer, role)) is not None:
            unit = str(coordinate.attrs.get("units", ""))
            if unit not in units:
                expected = ", ".join(units)
                raise CfError(f"its level '{coordinate.name}' is in '{unit}': expected {expected}")
            value = float(coordinate.values) * units[unit]
            return level_name(kind, value, [value])
    return None


def _scalar(layer: xr.DataArray, role: str) -> xr.DataArray | None:
    found = (each for each in layer.coords.values() if not each.dims and _role(each) == role)
    return next(found, None)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
