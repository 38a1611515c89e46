"""Pictures of grids whose columns are meridians and whose rows are parallels.

Where the picture's system keeps meridians and parallels straight, too, a pixel's column
follows from its x alone and its row from its y alone: two short lists instead of 65 536
pairs.
"""

from math import copysign

import numpy as np

from consumers.handlers.tiles.grid import CIRCLE_DEG, POLE_DEG, GeographicGrid, Window
from consumers.handlers.tiles.levels import GridAxis, axes_of
from consumers.handlers.tiles.pixels import Target
from consumers.handlers.tiles.weights import (
    EDGE_TOLERANCE_CELLS,
    Bools,
    Float64s,
    SeparableMapping,
    Steps,
    some,
    span,
    split,
)


def map_geographic(grid: GeographicGrid, target: Target, level: int = 0) -> SeparableMapping | None:
    """How the pixels of *target* fall on a level of *grid*; None where none of them does.

    The target's system is straight.
    """
    col_axis, row_axis = axes_of(grid, level)
    x_axis, y_axis = target.axes()
    longitudes = target.longitudes_deg(x_axis.centres())
    latitudes = target.latitudes_deg(y_axis.centres())
    rows, outside_rows = split(row_positions(grid, latitudes), row_axis)
    cols, outside_cols = columns(grid, longitudes, col_axis)
    if outside_rows.all() or outside_cols.all():
        return None
    row0, row1 = span(rows.lower, outside_rows)
    col0, col1 = span(cols.lower, outside_cols)
    if grid.wraps and col1 - col0 > col_axis.points:
        # The picture shows the whole circle, perhaps more than once.
        cols = Steps(cols.lower % col_axis.points, cols.weight)
        col0, col1 = 0, col_axis.points + 1
    return SeparableMapping(
        window=Window(row0, row1, col0, col1),
        rows=_within(rows, row0, row1),
        cols=_within(cols, col0, col1),
        outside_rows=some(outside_rows),
        outside_cols=some(outside_cols),
        level=level,
    )


def row_positions(grid: GeographicGrid, latitudes: Float64s) -> Float64s:
    """Positions among the rows of *grid*; beside a pole they stay at the last row."""
    if grid.lats_deg is None:
        positions = (latitudes - grid.lat0_deg) / grid.dlat_deg
    else:
        positions = _between(np.asarray(grid.lats_deg), latitudes)
    if not grid.wraps:
        return positions
    start = 0.0 if _reaches_pole(*grid.latitudes_deg[:2]) else -np.inf
    end = grid.ny - 1.0 if _reaches_pole(*grid.latitudes_deg[:-3:-1]) else np.inf
    return np.clip(positions, start, end)


def _reaches_pole(outermost_deg: float, next_deg: float) -> bool:
    """Whether no more than one step is missing between the outermost row and the pole."""
    step_deg = outermost_deg - next_deg
    gap_deg = copysign(POLE_DEG, step_deg) - outermost_deg
    return gap_deg / step_deg <= 1 + EDGE_TOLERANCE_CELLS


def _between(parallels: Float64s, latitudes: Float64s) -> Float64s:
    """Positions between parallels of unequal distance, going on straight beyond both ends."""
    rising = parallels[0] < parallels[-1]
    after = np.searchsorted(
        parallels if rising else -parallels, latitudes if rising else -latitudes
    )
    lower = np.clip(after - 1, 0, len(parallels) - 2)
    return lower + (latitudes - parallels[lower]) / (parallels[lower + 1] - parallels[lower])


def columns(grid: GeographicGrid, longitudes: Float64s, axis: GridAxis) -> tuple[Steps, Bools]:
    """Between which columns of a level of *grid* longitudes lie, and which lie outside.

    On a grid around the earth columns may go on beyond the last one.
    """
    if not grid.wraps:
        edge = EDGE_TOLERANCE_CELLS * grid.dlon_deg
        east = np.mod(longitudes - grid.lon0_deg + edge, CIRCLE_DEG) - edge
        return split(east / grid.dlon_deg, axis)
    positions = axis.reduced((longitudes - grid.lon0_deg) / grid.column_step_deg)
    whole = np.floor(positions)
    lower = whole.astype(np.intp)
    # Whole turns are taken off the integers, not the positions: that rounds nothing.
    lower -= lower.min() // axis.points * axis.points
    return Steps(lower, (positions - whole).astype(np.float32)), np.zeros(lower.shape, np.bool_)


def _within(steps: Steps, start: int, end: int) -> Steps:
    lower = np.clip(steps.lower - start, 0, end - start - 2).astype(np.intp)
    return Steps(lower, steps.weight)
