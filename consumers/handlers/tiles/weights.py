"""Which points of a grid a pixel is interpolated from, and with what shares."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from consumers.handlers.tiles.grid import Window
from consumers.handlers.tiles.levels import GridAxis

Bools = npt.NDArray[np.bool_]
Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Ints = npt.NDArray[np.signedinteger]
Shares = npt.NDArray[np.uint16]

#: How finely shares of points are kept where every pixel has its own: a field that crosses a
#: hundred colours from one point to the next is 0.002 of a colour off.
SHARES: Final = 1 << 16

#: How far beyond the outermost points a pixel still counts as on them, in cells: more than
#: the error of the lattice and than the six decimals of a degree that files give.
EDGE_TOLERANCE_CELLS: Final = 1e-3

#: How many pixels are worked on at once: those of a usual tile. Arrays of as many numbers fit
#: into a processor's cache, and into memory that is kept (see `heap`).
STRIP_PIXELS: Final = 256 * 256


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
        level: the level of the grid that window and steps count on.
    """

    window: Window
    rows: Steps
    cols: Steps
    outside_rows: Bools | None
    outside_cols: Bools | None
    level: int = 0

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the picture."""
        return len(self.rows.lower), len(self.cols.lower)

    @property
    def nbytes(self) -> int:
        """The size of its arrays."""
        return 14 * (len(self.rows.lower) + len(self.cols.lower))

    def covers(self, columns: slice) -> bool:
        """Whether any pixel of these columns has a place on the grid."""
        rows, cols = self.outside_rows, self.outside_cols
        return (rows is None or not rows.all()) and (cols is None or not cols[columns].all())

    def strip(self, part: slice) -> "SeparableMapping":
        """The mapping of some rows of the picture, with the same window."""
        rows = Steps(self.rows.lower[part], self.rows.weight[part])
        outside = None if self.outside_rows is None else self.outside_rows[part]
        return replace(self, rows=rows, outside_rows=outside)


@dataclass(frozen=True, slots=True)
class FullMapping:
    """Every pixel has its own row and column.

    Kept small, because a worker keeps many: eight bytes a pixel, and one where some are
    outside.

    Attributes:
        window: the cells that are needed.
        lower: index of the point before the pixel in both directions, in the flat window.
        row_shares, col_shares: shares of the next row and of the next column, in units of
            1 / `SHARES`.
        outside: pixels without a value, None where all have one.
        level: the level of the grid that window and points count on.
    """

    window: Window
    lower: Ints
    row_shares: Shares
    col_shares: Shares
    outside: Bools | None
    level: int = 0

    @property
    def row_weight(self) -> Float32s:
        """The share of the next row, 0 .. 1."""
        return weights_of(self.row_shares)

    @property
    def col_weight(self) -> Float32s:
        """The share of the next column, 0 .. 1."""
        return weights_of(self.col_shares)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the picture."""
        height, width = self.lower.shape
        return height, width

    @property
    def nbytes(self) -> int:
        """The size of its arrays."""
        arrays = (self.lower, self.row_shares, self.col_shares, self.outside)
        return sum(each.nbytes for each in arrays if each is not None)

    def covers(self, columns: slice) -> bool:
        """Whether any pixel of these columns has a place on the grid."""
        return self.outside is None or not self.outside[:, columns].all()

    def strip(self, part: slice) -> "FullMapping":
        """The mapping of some rows of the picture, with the same window."""
        return FullMapping(
            window=self.window,
            lower=self.lower[part],
            row_shares=self.row_shares[part],
            col_shares=self.col_shares[part],
            outside=None if self.outside is None else self.outside[part],
            level=self.level,
        )


Mapping = SeparableMapping | FullMapping


def widened(mapping: Mapping, margin: int, cols: GridAxis, rows: GridAxis) -> Mapping:
    """*mapping* with *margin* more points around its window, as far as the grid has them."""
    window = mapping.window
    col0, col1 = window.col0 - margin, window.col1 + margin
    if cols.wraps:
        turn = cols.points if col0 < 0 else 0
        col0, col1 = col0 + turn, col1 + turn
    else:
        turn, col0, col1 = 0, max(col0, 0), min(col1, cols.points)
    row0, row1 = max(window.row0 - margin, 0), min(window.row1 + margin, rows.points)
    wide = Window(row0, row1, col0, col1)
    down, right = window.row0 - row0, window.col0 + turn - col0
    match mapping:
        case SeparableMapping():
            return replace(
                mapping,
                window=wide,
                rows=Steps(mapping.rows.lower + down, mapping.rows.weight),
                cols=Steps(mapping.cols.lower + right, mapping.cols.weight),
            )
        case FullMapping():
            row, col = np.divmod(mapping.lower, window.col1 - window.col0)
            lower = (row + down) * (col1 - col0) + (col + right)
            return replace(mapping, window=wide, lower=lower.astype(mapping.lower.dtype))


def strips(shape: tuple[int, int]) -> Iterator[slice]:
    """The rows of a picture of that height and width, in strips of `STRIP_PIXELS` or less."""
    height_px, width_px = shape
    rows = max(1, STRIP_PIXELS // width_px)
    return (slice(start, start + rows) for start in range(0, height_px, rows))


def split(positions: Float64s, axis: GridAxis) -> tuple[Steps, Bools]:
    """Points around *positions*, fractions of cells along *axis*, which does not wrap.

    Positions count on the grid itself, the points on its level. Also tells which positions
    lie outside of the grid; their steps are legal and mean nothing.
    """
    last, edge = axis.size - 1.0, EDGE_TOLERANCE_CELLS
    if positions.min() >= 0.0 and positions.max() <= last:
        # Within the grid, as most pictures are; never so where there is a NaN.
        inner, outside = positions, np.zeros(positions.shape, dtype=np.bool_)
    else:
        # Written so that NaN and infinity are outside.
        outside = ~((positions >= -edge) & (positions <= last + edge))
        inner = np.clip(np.where(outside, 0.0, positions), 0.0, last)
    inner = axis.reduced(inner)
    # The last point has no next one: it is the next one of the point before, with weight 1.
    # 32 bits hold every index, and are made in a sixth of the time of 64.
    lower = inner.astype(np.int32)
    np.minimum(lower, axis.points - 2, out=lower)
    weight = np.empty(inner.shape, dtype=np.float32)
    np.subtract(inner, lower, out=weight, casting="unsafe")
    return Steps(lower, weight), outside


def shares_of(weight: Float32s) -> Shares:
    """Weights in the form that they are kept in."""
    shares: Shares = np.minimum(weight * np.float32(SHARES), np.float32(SHARES - 1)).astype(
        np.uint16
    )
    return shares


def weights_of(shares: Shares) -> Float32s:
    """`shares_of` backwards."""
    return shares * np.float32(1 / SHARES)


def some(outside: Bools) -> Bools | None:
    """*outside*, or None where no pixel is."""
    return outside if outside.any() else None


def span(lower: Ints, outside: Bools) -> tuple[int, int]:
    """The half-open range of points that the pixels with a value need."""
    inside = lower[~outside]
    return int(inside.min()), int(inside.max()) + 2
