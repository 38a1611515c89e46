"""Winds along the axes of a grid, of the earth, and of a picture.

Many models write the components of a wind along the axes of their grid, which point east
and north at a few places only. All turns here are from one right angle into another:
speeds stay as they are.

Components are interpolated first and turned after, and directions never: between 359 and
1 degree lies 0, not 180.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from pyproj import Proj
from pyproj.exceptions import ProjError

from consumers.handlers.tiles.errors import GridError
from consumers.handlers.tiles.grid import CIRCLE_DEG, Grid, ProjectedGrid
from consumers.handlers.tiles.weights import Float64s

#: The step to the equator whose direction in the plane is taken for that of the meridian.
_STEP_DEG: Final = 1e-4

#: The step up a picture whose direction on the earth is taken for that of its side.
_STEP_PX: Final = 1 / 16

#: Takes positions on a picture, in pixels along x and down y, to longitudes and latitudes.
Places = Callable[[Float64s, Float64s], tuple[Float64s, Float64s]]


class Wind(NamedTuple):
    """Components in m/s: where the air moves to, along the first and the second axis."""

    along_x: Float64s
    along_y: Float64s


def to_earth(grid: Grid, longitudes: Float64s, latitudes: Float64s, wind: Wind) -> Wind:
    """*wind* at places on the earth, from the axes that *grid* has it in, to east and north.

    Raises:
        GridError: PROJ does not understand the grid's projection.
    """
    if not (isinstance(grid, ProjectedGrid) and grid.wind_along_axes):
        return wind
    north_x, north_y = _north_in_plane(grid, longitudes, latitudes)
    # East is a quarter of a turn clockwise of north, in every projection that keeps angles.
    return Wind(
        wind.along_x * north_y - wind.along_y * north_x,
        wind.along_x * north_x + wind.along_y * north_y,
    )


def to_picture(places: Places, x_px: Float64s, y_px: Float64s, wind: Wind) -> Wind:
    """*wind*, to east and north, at pixels of a picture: to its right and up.

    *places* takes positions on the picture to longitudes and latitudes. The angle to north
    is kept where the picture does not keep angles.
    """
    up_east, up_north = _up_on_earth(places, x_px, y_px)
    return Wind(
        wind.along_x * up_north - wind.along_y * up_east,
        wind.along_x * up_east + wind.along_y * up_north,
    )


def _north_in_plane(
    grid: ProjectedGrid, longitudes: Float64s, latitudes: Float64s
) -> tuple[Float64s, Float64s]:
    """The unit vector to the north in the plane of the grid's projection."""
    try:
        proj = Proj(grid.proj)
    except ProjError as error:
        raise GridError(f"PROJ does not understand {grid.proj!r}") from error
    # Towards the equator there is always a next point, at a pole as well.
    northward = np.where(latitudes > 0, -1.0, 1.0)
    x, y = proj(longitudes, latitudes)
    to_x, to_y = proj(longitudes, latitudes + northward * _STEP_DEG)
    with np.errstate(invalid="ignore"):
        along_x, along_y = to_x - x, to_y - y
        if proj.crs.is_geographic:
            # A rotated pole gives radians, and its meridians draw together.
            middle = (y + to_y) / 2
            along_x = np.radians(_turned(np.degrees(along_x))) * np.cos(middle)
    return _unit(along_x * northward, along_y * northward)


def _up_on_earth(places: Places, x_px: Float64s, y_px: Float64s) -> tuple[Float64s, Float64s]:
    """The unit vector, to east and north, that points up on the picture."""
    longitudes, latitudes = places(x_px, y_px + _STEP_PX)
    to_longitudes, to_latitudes = places(x_px, y_px - _STEP_PX)
    middle = np.radians((latitudes + to_latitudes) / 2)
    return _unit(_turned(to_longitudes - longitudes) * np.cos(middle), to_latitudes - latitudes)


def _turned(degrees: Float64s) -> Float64s:
    """Differences of longitudes the short way around the earth."""
    return (degrees + CIRCLE_DEG / 2) % CIRCLE_DEG - CIRCLE_DEG / 2


def _unit(x: Float64s, y: Float64s) -> tuple[Float64s, Float64s]:
    with np.errstate(invalid="ignore", divide="ignore"):
        length = np.sqrt(x * x + y * y)
        return x / length, y / length
