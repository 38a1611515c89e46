"""From the pixels of a picture to the points of a grid.

A mapping says for every pixel which four points surround it and how near it is to each.
It depends on the grid and the picture alone, so one mapping serves every parameter, time
and style. Where columns are meridians and rows are parallels, both target systems keep
them straight: a pixel's column follows from its x alone and its row from its y alone, two
short lists instead of 65 536 pairs. Every other grid goes through `lattice`.

A point outside of the outermost points of a grid has no value. Two exceptions: a grid
that goes around the earth has no east and west end, and where its last row lies within
one step of a pole, that row stands for the pole as well.
"""

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import Final

import numpy as np
import numpy.typing as npt
from pyproj import Proj
from pyproj.exceptions import ProjError

from consumers.handlers.tiles.errors import GridError
from consumers.handlers.tiles.grid import (
    CIRCLE_DEG,
    POLE_DEG,
    GeographicGrid,
    Grid,
    ProjectedGrid,
    Window,
)
from consumers.handlers.tiles.lattice import positions
from consumers.handlers.tiles.pixels import PixelAxis, Target

Bools = npt.NDArray[np.bool_]
Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

#: How far beyond the outermost points a pixel still counts as on them, in cells: twice the
#: error of the lattice.
EDGE_TOLERANCE_CELLS: Final = 1e-3

#: What an entry of the cache costs beside its arrays, in bytes.
ENTRY_BYTES: Final = 1024


@dataclass(frozen=True, slots=True)
class Steps:
    """Between which points pixels lie, along one axis or, in two dimensions, along one of both.

    Attributes:
        lower: the point before the pixel, counted from the start of the window; the next
            point is in the window, too.
        weight: 0 .. 1, the share of the next point.
    """

    lower: Ints
    weight: Float32s


@dataclass(frozen=True, slots=True)
class SeparableMapping:
    """A pixel's row of points follows from its y, its column from its x.

    Attributes:
        window: the cells that are needed.
        rows: one step for each row of pixels.
        cols: one step for each column of pixels.
        outside_rows, outside_cols: pixels without a value, None where all have one.
    """

    window: Window
    rows: Steps
    cols: Steps
    outside_rows: Bools | None
    outside_cols: Bools | None

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the picture."""
        return len(self.rows.lower), len(self.cols.lower)

    @property
    def nbytes(self) -> int:
        """The size of its arrays."""
        return 14 * (len(self.rows.lower) + len(self.cols.lower))


@dataclass(frozen=True, slots=True)
class FullMapping:
    """Every pixel has its own row and column.

    Attributes:
        window: the cells that are needed.
        lower: index of the point before the pixel in both directions, in the flat window.
        row_weight, col_weight: shares of the next row and of the next column.
        outside: pixels without a value, None where all have one.
    """

    window: Window
    lower: Ints
    row_weight: Float32s
    col_weight: Float32s
    outside: Bools | None

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the picture."""
        height, width = self.lower.shape
        return height, width

    @property
    def nbytes(self) -> int:
        """The size of its arrays."""
        return 17 * self.lower.size


Mapping = SeparableMapping | FullMapping


def map_tile(grid: Grid, target: Target) -> Mapping | None:
    """How the pixels of *target* fall on *grid*; None where none of them does.

    Raises:
        GridError: PROJ does not understand the grid's projection.
    """
    match grid:
        case GeographicGrid():
            return _separable(grid, target)
        case ProjectedGrid():
            return _full(grid, target)
        case _:
            raise GridError(f"grids of the form {type(grid).__name__} cannot be drawn")
