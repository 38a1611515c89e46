"""Coarser and coarser copies of a grid, and which of them a picture is drawn from.

A point of level k stands for 2^k x 2^k points of the grid, counted from the first row and
column, and lies in their middle; blocks at the last row and column may be smaller. Level 0
is the grid itself.

A picture is drawn from the coarsest level whose cells are still no larger than its pixels.
How large they are is measured at one place of each grid and coordinate system, not at the
picture: so all pictures with pixels of one size are drawn from one level, and fit together.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import floor, isfinite, log2, sqrt
from typing import Final

import numpy as np
import numpy.typing as npt

from consumers.handlers.tiles.crs import find_crs
from consumers.handlers.tiles.grid import CIRCLE_DEG, Grid
from consumers.handlers.tiles.pixels import STRAIGHT_CRS, Target, fractions_of, places_deg
from consumers.handlers.tiles.plane import cells_of, middle_deg

Float64s = npt.NDArray[np.float64]

#: No level is made whose longer edge would have fewer points: the world at level 0 of a map
#: has 256 pixels.
LEVEL_EDGE_MIN: Final = 64

#: A block of the last level is as large as a shard (see `shards`): levels are made shard by
#: shard.
LEVELS_MAX: Final = 9


@dataclass(frozen=True, slots=True)
class GridAxis:
    """One axis of a level of a grid.

    Attributes:
        size: points of the grid itself along it.
        level: 0 for the grid itself.
        wraps: the point after the last is the first.
    """

    size: int
    level: int = 0
    wraps: bool = False

    @property
    def points(self) -> int:
        """Points of the level along it."""
        return -(-self.size >> self.level)  # rounded up

    def reduced(self, positions: Float64s) -> Float64s:
        """Positions in cells of the grid as positions in cells of the level."""
        if not self.level:
            return positions
        block = 1 << self.level
        reduced = (positions - (block - 1) / 2) / block
        if self.wraps:
            return reduced
        # The last block may be smaller, and its middle nearer than those of the others.
        last = self.points - 1
        start = last * block
        middle = (start + self.size - 1) / 2
        before = start - block + (block - 1) / 2
        beyond = last - 1 + (positions - before) / (middle - before)
        return np.clip(np.where(reduced > last - 1, beyond, reduced), 0.0, float(last))


def axes_of(grid: Grid, level: int) -> tuple[GridAxis, GridAxis]:
    """Columns and rows of a level of *grid*."""
    return GridAxis(grid.nx, level, grid.wraps), GridAxis(grid.ny, level)


def levels_of(grid: Grid) -> int:
    """How many levels *grid* gets beside itself.

    A grid around the earth gets no level whose last column would stand for fewer columns
    than the others: there would be a seam.
    """
    levels = 0
    while (
        levels < LEVELS_MAX
        and max(grid.nx, grid.ny) >> (levels + 1) >= LEVEL_EDGE_MIN
        and min(grid.nx, grid.ny) >> (levels + 1) > 1
        and not (grid.wraps and grid.nx % (2 << levels))
    ):
        levels += 1
    return levels


def level_for(grid: Grid, target: Target, available: int) -> int:
    """The level that *target* is drawn from, where *grid* has that many.

    Raises:
        GridError: PROJ does not understand the grid's projection.
    """
    if not available:
        return 0
    x_axis, y_axis = target.axes()
    cells = _cells_per_pixel(grid, target.crs, x_axis.world_px, y_axis.world_px)
    return min(available, floor(log2(cells))) if cells >= 2 else 0  # noqa: PLR2004 - as a level has


@lru_cache(maxsize=1024)
def _cells_per_pixel(grid: Grid, crs: str, x_world_px: float, y_world_px: float) -> float:
    """The edge of a pixel in cells, at one place; 0 where the map does not show it."""
    x, y = fractions_of(crs, *_usual_place_deg(grid, crs))
    longitudes, latitudes = places_deg(
        crs, x + np.array([0, 1 / x_world_px, 0]), y + np.array([0, 0, 1 / y_world_px])
    )
    cols, rows = cells_of(grid)(longitudes, latitudes)
    (col_x, col_y), (row_x, row_y) = cols[1:] - cols[0], rows[1:] - rows[0]
    cells = sqrt(abs(col_x * row_y - col_y * row_x))
    return cells if isfinite(cells) else 0.0


def _usual_place_deg(grid: Grid, crs: str) -> tuple[float, float]:
    """The middle of the system's area where the grid goes around the earth, else the grid's."""
    area = None if crs in STRAIGHT_CRS else find_crs(crs).area
    if area is None or not grid.wraps:
        return middle_deg(grid)
    width = (area.east - area.west) % CIRCLE_DEG or CIRCLE_DEG
    return area.west + width / 2, (area.south + area.north) / 2
