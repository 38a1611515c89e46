"""Pictures of grids in a map projection.

PROJ takes longitude and latitude to the plane on the model's own sphere. Model and map
differ in the shape of the earth, but by convention latitudes are taken over as they are:
to convert them between sphere and ellipsoid would move the field by up to 21 km.
"""

import numpy as np
from pyproj import Proj
from pyproj.exceptions import ProjError

from consumers.handlers.tiles.errors import GridError
from consumers.handlers.tiles.grid import CIRCLE_DEG, ProjectedGrid, Window
from consumers.handlers.tiles.lattice import Project, positions
from consumers.handlers.tiles.pixels import Target
from consumers.handlers.tiles.weights import Float64s, FullMapping, some, span, split, strips


def map_projected(grid: ProjectedGrid, target: Target) -> FullMapping | None:
    """How the pixels of *target* fall on *grid*; None where none of them does.

    Raises:
        GridError: PROJ does not understand the grid's projection.
    """
    project = projector(grid, target)
    x_axis, y_axis = target.axes()
    shape = (target.height_px, target.width_px)
    row, col = np.empty(shape, dtype=np.int32), np.empty(shape, dtype=np.int32)
    row_weight, col_weight = np.empty(shape, dtype=np.float32), np.empty(shape, dtype=np.float32)
    outside = np.empty(shape, dtype=np.bool_)
    for part in strips(target.height_px):
        at = positions(project, x_axis, y_axis.strip(part))
        rows, outside_rows = split(at.rows, grid.ny)
        cols, outside_cols = split(at.cols, grid.nx)
        row[part], row_weight[part] = rows.lower, rows.weight
        col[part], col_weight[part] = cols.lower, cols.weight
        outside[part] = outside_rows | outside_cols
    if outside.all():
        return None
    row0, row1 = span(row, outside)
    col0, col1 = span(col, outside)
    lower = (row - row0).astype(np.intp) * (col1 - col0) + (col - col0)
    lower[outside] = 0
    window = Window(row0, row1, col0, col1)
    return FullMapping(window, lower, row_weight, col_weight, some(outside))


def projector(grid: ProjectedGrid, target: Target) -> Project:
    """Takes pixel positions of *target* to columns and rows of *grid*, exactly.

    Raises:
        GridError: PROJ does not understand the grid's projection.
    """
    # Objects of PROJ belong to one thread; to make one costs 0.4 ms.
    try:
        proj = Proj(grid.proj)
    except ProjError as error:
        raise GridError(f"PROJ does not understand {grid.proj!r}") from error
    rotated = proj.crs.is_geographic
    x_axis, y_axis = target.axes()

    def project(x_px: Float64s, y_px: Float64s) -> tuple[Float64s, Float64s]:
        longitudes = target.longitudes_deg(x_axis.fractions(x_px))
        latitudes = target.latitudes_deg(y_axis.fractions(y_px))
        longitudes, latitudes = np.broadcast_arrays(longitudes, latitudes)
        x, y = proj(longitudes, latitudes)
        if rotated:
            x, y = _centred(np.degrees(x), grid), np.degrees(y)
        return (x - grid.x0_m) / grid.dx_m, (y - grid.y0_m) / grid.dy_m

    return project


def _centred(longitudes: Float64s, grid: ProjectedGrid) -> Float64s:
    """Rotated longitudes within half a circle of the grid's middle, wherever it lies."""
    west = grid.x0_m + grid.dx_m * (grid.nx - 1) / 2 - CIRCLE_DEG / 2
    # PROJ answers infinity where it has no answer.
    with np.errstate(invalid="ignore"):
        return np.mod(longitudes - west, CIRCLE_DEG) + west
