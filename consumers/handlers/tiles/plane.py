"""From longitudes and latitudes to columns and rows of a grid.

PROJ takes longitude and latitude to the plane on the model's own sphere. Model and map
differ in the shape of the earth, but by convention latitudes are taken over as they are:
to convert them between sphere and ellipsoid would move the field by up to 21 km.
"""

import threading
from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt
from pyproj import Proj
from pyproj.exceptions import ProjError

from consumers.handlers.tiles.errors import GridError
from consumers.handlers.tiles.grid import CIRCLE_DEG, GeographicGrid, Grid, ProjectedGrid

Float64s = npt.NDArray[np.float64]

#: Projections that a thread keeps; to make one takes 0.4 ms.
PROJECTIONS_MAX: Final = 64

#: Takes longitudes and latitudes, in degrees and of one shape, to columns and rows.
Cells = Callable[[Float64s, Float64s], tuple[Float64s, Float64s]]


def cells_of(grid: Grid) -> Cells:
    """Takes places on the earth to cells of *grid*, exactly; for one thread.

    NaN or infinite where the projection has no answer. The cells of a geographic grid are
    degrees divided by its steps, from the origin of degrees: what is smooth on the earth is
    smooth in them, whatever the distance of the parallels (see `geographic`).

    Raises:
        GridError: PROJ does not understand the grid's projection.
    """
    if isinstance(grid, GeographicGrid):
        col_deg, row_deg = grid.column_step_deg, grid.dlat_deg
        return lambda longitudes, latitudes: (longitudes / col_deg, latitudes / row_deg)
    projected = _projected(grid)
    proj = _proj(projected)
    rotated = proj.crs.is_geographic

    def cells(longitudes: Float64s, latitudes: Float64s) -> tuple[Float64s, Float64s]:
        x, y = proj(longitudes, latitudes)
        if rotated:
            x, y = _centred(np.degrees(x), projected), np.degrees(y)
        return (x - projected.x0_m) / projected.dx_m, (y - projected.y0_m) / projected.dy_m

    return cells


def middle_deg(grid: Grid) -> tuple[float, float]:
    """Longitude and latitude of the middle of *grid*.

    Raises:
        GridError: PROJ does not understand the grid's projection.
    """
    if isinstance(grid, GeographicGrid):
        longitude = grid.lon0_deg + (grid.nx - 1) / 2 * grid.dlon_deg
        return longitude, grid.latitudes_deg[grid.ny // 2]
    projected = _projected(grid)
    proj = _proj(projected)
    x = projected.x0_m + (projected.nx - 1) / 2 * projected.dx_m
    y = projected.y0_m + (projected.ny - 1) / 2 * projected.dy_m
    if proj.crs.is_geographic:
        x, y = np.radians(x), np.radians(y)
    longitude, latitude = proj(x, y, inverse=True)
    return float(longitude), float(latitude)


def _projected(grid: Grid) -> ProjectedGrid:
    if isinstance(grid, ProjectedGrid):
        return grid
    raise GridError(f"grids of the form {type(grid).__name__} cannot be drawn")


class _Projections(threading.local):
    """The projections that a thread has used: PROJ's objects belong to one thread."""

    def __init__(self) -> None:
        self._made: dict[str, Proj] = {}

    def find(self, text: str) -> Proj:
        if text not in self._made:
            if len(self._made) >= PROJECTIONS_MAX:
                self._made.clear()
            self._made[text] = Proj(text)
        return self._made[text]


_projections: Final = _Projections()


def _proj(grid: ProjectedGrid) -> Proj:
    try:
        return _projections.find(grid.proj)
    except ProjError as error:
        raise GridError(f"PROJ does not understand {grid.proj!r}") from error


def _centred(longitudes: Float64s, grid: ProjectedGrid) -> Float64s:
    """Rotated longitudes within half a circle of the grid's middle, wherever it lies."""
    west = grid.x0_m + grid.dx_m * (grid.nx - 1) / 2 - CIRCLE_DEG / 2
    # PROJ answers infinity where it has no answer.
    with np.errstate(invalid="ignore"):
        return np.mod(longitudes - west, CIRCLE_DEG) + west
