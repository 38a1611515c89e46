"""Pictures whose pixels each have their own row and column of the grid.

That is every picture of a grid in a map projection, and every picture in a system that
bends meridians or parallels.
"""

import numpy as np

from consumers.handlers.tiles.geographic import columns, row_positions
from consumers.handlers.tiles.grid import GeographicGrid, Grid, Window
from consumers.handlers.tiles.lattice import TOLERANCE_CELLS, Positions, Project, positions
from consumers.handlers.tiles.levels import GridAxis, axes_of
from consumers.handlers.tiles.pixels import Target, places_deg
from consumers.handlers.tiles.plane import cells_of
from consumers.handlers.tiles.weights import (
    Bools,
    Float64s,
    FullMapping,
    Steps,
    shares_of,
    some,
    span,
    split,
    strips,
)


def map_curved(grid: Grid, target: Target, level: int = 0) -> FullMapping | None:
    """How the pixels of *target* fall on a level of *grid*; None where none of them does.

    Raises:
        GridError: PROJ does not understand the grid's projection.
    """
    project = projector(grid, target)
    x_axis, y_axis = target.axes()
    col_axis, row_axis = axes_of(grid, level)
    # A cell of a level is as long as 2^level of the grid's.
    tolerance_cells = TOLERANCE_CELLS * 2**level
    shape = (target.height_px, target.width_px)
    row, col = np.empty(shape, dtype=np.int32), np.empty(shape, dtype=np.int32)
    row_shares, col_shares = np.empty(shape, dtype=np.uint16), np.empty(shape, dtype=np.uint16)
    outside = np.empty(shape, dtype=np.bool_)
    for part in strips(shape):
        at = positions(project, x_axis, y_axis.strip(part), tolerance_cells)
        (cols, outside_cols), (rows, outside_rows) = _steps(grid, at, col_axis, row_axis)
        row[part], row_shares[part] = rows.lower, shares_of(rows.weight)
        col[part], col_shares[part] = cols.lower, shares_of(cols.weight)
        outside[part] = outside_rows | outside_cols
    if outside.all():
        return None
    row0, row1 = span(row, outside)
    col0, col1 = _around(col, outside, col_axis) if grid.wraps else span(col, outside)
    window = Window(row0, row1, col0, col1)
    fits = (row1 - row0) * (col1 - col0) <= np.iinfo(np.int32).max
    lower = np.multiply(row - row0, col1 - col0, dtype=np.int32 if fits else np.int64)
    lower += col - col0
    beside = some(outside)
    if beside is not None:
        lower[beside] = 0
    return FullMapping(window, lower, row_shares, col_shares, beside, level)


def projector(grid: Grid, target: Target) -> Project:
    """Takes pixel positions of *target* to cells of *grid* (see `plane`), exactly.

    Raises:
        GridError: PROJ does not understand the grid's projection.
    """
    cells = cells_of(grid)
    x_axis, y_axis = target.axes()

    def project(x_px: Float64s, y_px: Float64s) -> tuple[Float64s, Float64s]:
        longitudes, latitudes = places_deg(
            target.crs, x_axis.fractions(x_px), y_axis.fractions(y_px)
        )
        return cells(longitudes, latitudes)

    return project


def _steps(
    grid: Grid, at: Positions, col_axis: GridAxis, row_axis: GridAxis
) -> tuple[tuple[Steps, Bools], tuple[Steps, Bools]]:
    if not isinstance(grid, GeographicGrid):
        return split(at.cols, col_axis), split(at.rows, row_axis)
    nowhere = ~(np.isfinite(at.cols) & np.isfinite(at.rows))
    longitudes = np.where(nowhere, 0.0, at.cols * grid.column_step_deg)
    latitudes = np.where(nowhere, 0.0, at.rows * grid.dlat_deg)
    cols, outside_cols = columns(grid, longitudes, col_axis)
    return (cols, outside_cols | nowhere), split(row_positions(grid, latitudes), row_axis)


def _around(
    col: np.ndarray[tuple[int, ...], np.dtype[np.int32]], outside: Bools, axis: GridAxis
) -> tuple[int, int]:
    """The columns that are needed of a grid around the earth; makes *col* count like them.

    They start after the widest gap, so that a picture over the seam needs both sides of it
    and not the whole circle.
    """
    np.mod(col, axis.points, out=col)
    used = np.flatnonzero(np.bincount(col[~outside], minlength=axis.points))
    gaps = np.diff(used, append=used[0] + axis.points)
    start = int(used[(int(gaps.argmax()) + 1) % len(used)])
    np.add(col, axis.points, out=col, where=col < start)
    return span(col, outside)
