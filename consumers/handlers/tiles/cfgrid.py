"""Where the points of a variable lie that follows the CF conventions.

The plane of a projection is described by the attributes of its grid mapping:
https://cfconventions.org/cf-conventions/cf-conventions.html#appendix-grid-mappings
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from consumers.handlers.tiles.dataerrors import CfError
from consumers.handlers.tiles.errors import GridError
from consumers.handlers.tiles.grid import CIRCLE_DEG, POLE_DEG, GeographicGrid, Grid, ProjectedGrid

Float64s = npt.NDArray[np.float64]
Attributes = Mapping[str, Any]

#: How far a coordinate may lie from its place on an even grid, in steps: float32 rounds.
EVEN_TOLERANCE_STEPS: Final = 0.02

#: The same for latitudes, which may be listed one by one where they are uneven.
_LISTED_TOLERANCE_STEPS: Final = 0.002

#: Lengths, and degrees of a rotated pole, as the planes of grids count them.
_PLANE_UNITS: Final[Mapping[str, float]] = {
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres"), 1.0),
    **dict.fromkeys(("km", "kilometer", "kilometers", "kilometre", "kilometres"), 1000.0),
}
_DEGREES: Final = frozenset({"degree", "degrees", "degrees_north", "degrees_east"})


class Axis(NamedTuple):
    """A horizontal coordinate: what messages call it, its values and its units."""

    name: str
    values: Float64s
    units: str


class Placed(NamedTuple):
    """A grid, and which way the file's rows and columns are turned to be the grid's."""

    grid: Grid
    flip_rows: bool = False
    flip_cols: bool = False


def geographic(latitude: Axis, longitude: Axis) -> Placed:
    """The grid of one-dimensional latitudes and longitudes, rows from north to south.

    Raises:
        CfError: longitudes are not evenly spaced.
        GridError: latitudes do not rise or fall all the way, or there are too few points.
    """
    _require_numbers(latitude, longitude)
    flip_rows = bool(latitude.values[0] < latitude.values[-1])
    latitudes = latitude.values[::-1] if flip_rows else latitude.values
    longitudes = _unwound(longitude.values)
    flip_cols = bool(longitudes[0] > longitudes[-1])
    longitudes = longitudes[::-1] if flip_cols else longitudes
    dlat_deg = float(latitudes[-1] - latitudes[0]) / (len(latitudes) - 1)
    grid = GeographicGrid(
        nx=len(longitudes),
        ny=len(latitudes),
        lon0_deg=float(longitudes[0]),
        lat0_deg=float(latitudes[0]),
        dlon_deg=_step(longitude._replace(values=longitudes)),
        dlat_deg=dlat_deg,
        lats_deg=(
            None
            if _is_even(latitudes, dlat_deg, _LISTED_TOLERANCE_STEPS)
            else tuple(map(float, latitudes))
        ),
    )
    return Placed(grid, flip_rows, flip_cols)


def projected(mapping: Attributes, y: Axis, x: Axis, *, wind_along_axes: bool) -> Placed:
    """The grid of coordinates in the plane that *mapping* describes.

    Raises:
        CfError: the projection is not supported, lacks a number, or x and y are uneven.
        GridError: there are too few points.
    """
    name = str(mapping.get("grid_mapping_name", "without a name"))
    if name not in _PROJECTIONS:
        raise CfError(
            f"its grid mapping is '{name}'; supported are {', '.join(sorted(_PROJECTIONS))}"
        )
    _require_numbers(y, x)
    rotated = name == "rotated_latitude_longitude"
    y, x = _in_plane(y, rotated=rotated), _in_plane(x, rotated=rotated)
    if rotated:
        x = x._replace(values=_unwound(x.values))
    grid = ProjectedGrid(
        nx=len(x.values),
        ny=len(y.values),
        proj=f"{_PROJECTIONS[name](mapping)} {_earth(mapping)}",
        x0_m=float(x.values[0]),
        y0_m=float(y.values[0]),
        dx_m=_step(x),
        dy_m=_step(y),
        wind_along_axes=wind_along_axes,
    )
    return Placed(grid)


def _lambert(mapping: Attributes) -> str:
    parallels = np.atleast_1d(np.asarray(_required(mapping, "standard_parallel"), dtype=float))
    return (
        f"+proj=lcc +lat_1={parallels[0]:.9g} +lat_2={parallels[-1]:.9g} "
        f"+lat_0={_number(mapping, 'latitude_of_projection_origin'):.9g} "
        f"+lon_0={_number(mapping, 'longitude_of_central_meridian'):.9g}{_false(mapping)}"
    )


def _polar_stereographic(mapping: Attributes) -> str:
    pole = _number(mapping, "latitude_of_projection_origin")
    if abs(pole) != POLE_DEG:
        raise CfError(f"its polar stereographic plane touches {pole} degrees, which is no pole")
    return (
        f"+proj=stere +lat_0={pole:g} {_scale(mapping)} "
        f"+lon_0={_number(mapping, 'straight_vertical_longitude_from_pole'):.9g}{_false(mapping)}"
    )


def _mercator(mapping: Attributes) -> str:
    longitude = _number(mapping, "longitude_of_projection_origin")
    return f"+proj=merc {_scale(mapping)} +lon_0={longitude:.9g}{_false(mapping)}"


def _rotated(mapping: Attributes) -> str:
    latitude = _number(mapping, "grid_north_pole_latitude")
    longitude = _number(mapping, "grid_north_pole_longitude") + CIRCLE_DEG / 2
    turned = float(mapping.get("north_pole_grid_longitude", 0.0))
    return (
        f"+proj=ob_tran +o_proj=longlat +o_lon_p={turned:g} +o_lat_p={latitude:.9g} "
        f"+lon_0={longitude % CIRCLE_DEG:.9g}"
    )


_PROJECTIONS: Final[Mapping[str, Callable[[Attributes], str]]] = {
    "lambert_conformal_conic": _lambert,
    "mercator": _mercator,
    "polar_stereographic": _polar_stereographic,
    "rotated_latitude_longitude": _rotated,
}


def _scale(mapping: Attributes) -> str:
    if "standard_parallel" in mapping:
        return f"+lat_ts={_number(mapping, 'standard_parallel'):.9g}"
    return f"+k_0={_number(mapping, 'scale_factor_at_projection_origin'):.12g}"


def _false(mapping: Attributes) -> str:
    """The origin of x and y, where it is not that of the projection."""
    origin = (float(mapping.get(f"false_{way}", 0.0)) for way in ("easting", "northing"))
    return "".join(
        f" +{key}={value:.12g}" for key, value in zip(("x_0", "y_0"), origin, strict=True)
    )


def _earth(mapping: Attributes) -> str:
    """The earth of the mapping; the ellipsoid of GPS where it names none."""
    if "earth_radius" in mapping:
        return f"+R={_number(mapping, 'earth_radius'):.9g}"
    if "semi_major_axis" not in mapping:
        return "+ellps=WGS84"
    major = _number(mapping, "semi_major_axis")
    if "semi_minor_axis" in mapping:
        return f"+a={major:.10g} +b={_number(mapping, 'semi_minor_axis'):.10g}"
    flattening = float(mapping.get("inverse_flattening", 0.0))
    return f"+a={major:.10g} +rf={flattening:.12g}" if flattening else f"+R={major:.9g}"


def _number(mapping: Attributes, key: str) -> float:
    value = np.asarray(_required(mapping, key))
    try:
        return float(value.item())
    except (TypeError, ValueError) as error:
        raise CfError(f"its grid mapping has {key} = {value}: expected one number") from error


def _required(mapping: Attributes, key: str) -> Any:
    if key not in mapping:
        raise CfError(f"its grid mapping '{mapping['grid_mapping_name']}' lacks '{key}'")
    return mapping[key]


def _in_plane(axis: Axis, *, rotated: bool) -> Axis:
    if rotated and axis.units in _DEGREES:
        return axis
    if rotated or axis.units not in _PLANE_UNITS:
        expected = "degrees" if rotated else "m or km"
        raise CfError(f"its coordinate '{axis.name}' is in '{axis.units}': expected {expected}")
    return axis._replace(values=axis.values * _PLANE_UNITS[axis.units])


def _require_numbers(*axes: Axis) -> None:
    for axis in axes:
        if len(axis.values) < 2:  # noqa: PLR2004 - a step needs two
            raise GridError(f"its coordinate '{axis.name}' has less than two points")
        if not np.isfinite(axis.values).all():
            raise CfError(f"its coordinate '{axis.name}' has missing values")


def _unwound(longitudes: Float64s) -> Float64s:
    """*longitudes* without the jump where a circle is closed."""
    steps = np.mod(np.diff(longitudes) + CIRCLE_DEG / 2, CIRCLE_DEG) - CIRCLE_DEG / 2
    unwound: Float64s = longitudes[0] + np.concatenate(([0.0], np.cumsum(steps)))
    return unwound


def _step(axis: Axis) -> float:
    step = float(axis.values[-1] - axis.values[0]) / (len(axis.values) - 1)
    if not _is_even(axis.values, step):
        raise CfError(f"its coordinate '{axis.name}' is not evenly spaced")
    return step


def _is_even(values: Float64s, step: float, tolerance: float = EVEN_TOLERANCE_STEPS) -> bool:
    even = values[0] + step * np.arange(len(values))
    return bool(np.abs(values - even).max() <= tolerance * abs(step)) and step != 0
