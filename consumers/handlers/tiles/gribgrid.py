"""Where the points of a GRIB field lie, and its values in the order of the grid's rows."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pyproj import Proj

from consumers.handlers.tiles.codes import eccodes
from consumers.handlers.tiles.dataerrors import GribError
from consumers.handlers.tiles.grid import GeographicGrid, Grid, ProjectedGrid

#: A handle of ecCodes.
Handle = Any


class UnsupportedGridError(GribError):
    """Raised when points lie in a way that no tile can be drawn from here."""


def grid_of(handle: Handle) -> Grid:
    """The grid of the field; a geographic one with rows from north to south.

    Raises:
        UnsupportedGridError: grids of its type are not supported.
    """
    kind = str(eccodes.codes_get(handle, "gridType"))
    reader = _READERS.get(kind)
    if reader is None:
        raise UnsupportedGridError(
            f"its grid is of the type '{kind}'; supported are {', '.join(sorted(_READERS))}"
        )
    return reader(handle)


def arranged(handle: Handle, grid: Grid, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """*values*, in the order of the file, as rows and columns of *grid*.

    Follows the four flags of the scanning mode
    (https://codes.ecmwf.int/grib/format/grib2/flags/3.4/).

    Raises:
        GribError: there are more or fewer values than points.
    """
    if values.size != grid.nx * grid.ny:
        raise GribError(f"{values.size} values for {grid.nx} x {grid.ny} points")
    consecutive = _flag(handle, "jPointsAreConsecutive")
    rows = values.reshape(grid.nx, grid.ny) if consecutive else values.reshape(grid.ny, grid.nx)
    if _flag(handle, "alternativeRowScanning"):
        rows = rows.copy()
        rows[1::2] = rows[1::2, ::-1]
    rows = rows.T if consecutive else rows
    if isinstance(grid, GeographicGrid):
        if _flag(handle, "jScansPositively"):
            rows = rows[::-1]
        if _flag(handle, "iScansNegatively"):
            rows = rows[:, ::-1]
    return np.ascontiguousarray(rows)


def _latitude_longitude(handle: Handle) -> Grid:
    nx, ny, lons, lats = _corners(handle)
    west, east = lons if not _flag(handle, "iScansNegatively") else lons[::-1]
    north, south = max(lats), min(lats)
    return GeographicGrid(
        nx=nx,
        ny=ny,
        lon0_deg=west,
        lat0_deg=north,
        # The file rounds its steps to a millionth of a degree; the corners lose less.
        dlon_deg=_eastward_deg(west, east) / max(nx - 1, 1),
        dlat_deg=(south - north) / max(ny - 1, 1),
    )


def _gaussian(handle: Handle) -> Grid:
    nx, ny, lons, _ = _corners(handle)
    west, east = lons if not _flag(handle, "iScansNegatively") else lons[::-1]
    found: Any = eccodes.codes_get_array(handle, "distinctLatitudes")
    latitudes = tuple(sorted((float(each) for each in found), reverse=True))
    return GeographicGrid(
        nx=nx,
        ny=ny,
        lon0_deg=west,
        lat0_deg=latitudes[0],
        dlon_deg=_eastward_deg(west, east) / max(nx - 1, 1),
        dlat_deg=(latitudes[-1] - latitudes[0]) / max(ny - 1, 1),
        lats_deg=latitudes,
    )


def _rotated(handle: Handle) -> Grid:
    nx, ny, (first_lon, last_lon), (first_lat, last_lat) = _corners(handle)
    pole_lat = _degrees(handle, "latitudeOfSouthernPole")
    pole_lon = _degrees(handle, "longitudeOfSouthernPole")
    angle: float = eccodes.codes_get_double(handle, "angleOfRotationInDegrees")
    backwards = _flag(handle, "iScansNegatively")
    width = _eastward_deg(last_lon, first_lon) if backwards else _eastward_deg(first_lon, last_lon)
    return ProjectedGrid(
        nx=nx,
        ny=ny,
        proj=f"+proj=ob_tran +o_proj=longlat +o_lon_p={-angle or 0.0:g} +o_lat_p={-pole_lat:.9g} "
        f"+lon_0={pole_lon:.9g} {_earth(handle)}",
        x0_m=(first_lon + 180.0) % 360.0 - 180.0,
        y0_m=first_lat,
        dx_m=(-width if backwards else width) / max(nx - 1, 1),
        dy_m=(last_lat - first_lat) / max(ny - 1, 1),
        wind_along_axes=_flag(handle, "uvRelativeToGrid"),
    )


def _lambert(handle: Handle) -> Grid:
    proj = (
        f"+proj=lcc +lat_1={_degrees(handle, 'Latin1'):.9g} "
        f"+lat_2={_degrees(handle, 'Latin2'):.9g} +lat_0={_degrees(handle, 'LaD'):.9g} "
        f"+lon_0={_degrees(handle, 'LoV'):.9g} {_earth(handle)}"
    )
    return _projected(handle, proj, "Nx", "Ny", "DxInMetres", "DyInMetres")


def _polar_stereographic(handle: Handle) -> Grid:
    pole = -90 if _flag(handle, "southPoleOnProjectionPlane") else 90
    proj = (
        f"+proj=stere +lat_0={pole} +lat_ts={_degrees(handle, 'LaD'):.9g} "
        f"+lon_0={_degrees(handle, 'orientationOfTheGrid'):.9g} {_earth(handle)}"
    )
    return _projected(handle, proj, "Nx", "Ny", "DxInMetres", "DyInMetres")


def _mercator(handle: Handle) -> Grid:
    if eccodes.codes_get_double(handle, "orientationOfTheGridInDegrees"):
        raise UnsupportedGridError("its Mercator grid is turned, which is not supported")
    proj = (
        f"+proj=merc +lat_ts={_degrees(handle, 'LaD'):.9g} "
        f"+lon_0={_degrees(handle, 'longitudeOfFirstGridPoint'):.9g} {_earth(handle)}"
    )
    return _projected(handle, proj, "Ni", "Nj", "DiInMetres", "DjInMetres")


def _projected(handle: Handle, proj: str, nx: str, ny: str, dx: str, dy: str) -> Grid:
    first_lon = _degrees(handle, "longitudeOfFirstGridPoint")
    first_lat = _degrees(handle, "latitudeOfFirstGridPoint")
    x0_m, y0_m = Proj(proj)(first_lon, first_lat)
    x_sign = -1 if _flag(handle, "iScansNegatively") else 1
    y_sign = 1 if _flag(handle, "jScansPositively") else -1
    return ProjectedGrid(
        nx=eccodes.codes_get_long(handle, nx),
        ny=eccodes.codes_get_long(handle, ny),
        proj=proj,
        x0_m=float(x0_m),
        y0_m=float(y0_m),
        dx_m=x_sign * eccodes.codes_get_double(handle, dx),
        dy_m=y_sign * eccodes.codes_get_double(handle, dy),
        wind_along_axes=_flag(handle, "uvRelativeToGrid"),
    )


_READERS: Final[Mapping[str, Callable[[Handle], Grid]]] = {
    "lambert": _lambert,
    "mercator": _mercator,
    "polar_stereographic": _polar_stereographic,
    "regular_gg": _gaussian,
    "regular_ll": _latitude_longitude,
    "rotated_ll": _rotated,
}


def _corners(handle: Handle) -> tuple[int, int, tuple[float, float], tuple[float, float]]:
    """Columns, rows, and longitude and latitude of the first and the last point."""
    return (
        eccodes.codes_get_long(handle, "Ni"),
        eccodes.codes_get_long(handle, "Nj"),
        (
            _degrees(handle, "longitudeOfFirstGridPoint"),
            _degrees(handle, "longitudeOfLastGridPoint"),
        ),
        (_degrees(handle, "latitudeOfFirstGridPoint"), _degrees(handle, "latitudeOfLastGridPoint")),
    )


def _eastward_deg(west: float, east: float) -> float:
    """How far it is from *west* to *east*, going east; a whole circle where they are one."""
    return (east - west) % 360.0 or 360.0


def _degrees(handle: Handle, key: str) -> float:
    value: float = eccodes.codes_get_double(handle, f"{key}InDegrees")
    return value


def _earth(handle: Handle) -> str:
    """The model's own earth: coordinates on its sphere are taken as they are."""
    if eccodes.codes_get_long(handle, "earthIsOblate"):
        major = eccodes.codes_get_double(handle, "earthMajorAxisInMetres")
        minor = eccodes.codes_get_double(handle, "earthMinorAxisInMetres")
        return f"+a={major:.9g} +b={minor:.9g}"
    return f"+R={eccodes.codes_get_double(handle, 'radius'):.9g}"


def _flag(handle: Handle, key: str) -> bool:
    return bool(eccodes.codes_is_defined(handle, key) and eccodes.codes_get_long(handle, key))
