"""Masks that say how much of every pixel is covered, and how small shapes get into them.

Places are rounded to 1/256 of a pixel, and everything after is computed from differences,
which are then exact. Where shapes overlap the larger coverage counts. So a pixel's
coverage depends neither on the order of the shapes nor on those far away, nor on the
picture's place: a picture that is cut in two, each part drawn with the shapes near it, is
the same to the last bit. Both parts must agree on the places of a shape to that rounding,
and the corners that they count from must lie a whole number of pixels apart.
"""

from collections.abc import Iterator
from functools import reduce
from typing import Final

import numpy as np
import numpy.typing as npt

from consumers.handlers.tiles.weights import Bools, Float32s, Float64s

#: uint8[height, width]; 255 is all of a pixel.
Coverage = npt.NDArray[np.uint8]

#: Places in fixed point.
Fixed = npt.NDArray[np.int64]

#: Parts of a pixel that places are rounded to.
PARTS: Final = 256

#: How many pixels of shapes are computed at once; bounds the memory.
_AT_ONCE_PX: Final = 1 << 16


def fixed(places_px: Float64s) -> Fixed:
    """Places in pixels as whole parts of one."""
    return np.rint(places_px * PARTS).astype(np.int64)


def pixels(differences: Fixed) -> Float32s:
    """Differences of places in pixels; exact for those of less than 65 536."""
    return differences.astype(np.float32) * np.float32(1 / PARTS)


class Mask:
    """A mask under work, into which squares of *edge* pixels are laid."""

    def __init__(self, shape: tuple[int, int], edge: int) -> None:
        height, width = shape
        self._edge = edge
        # A frame for the squares that reach across the border.
        self._framed = np.zeros((height + 2 * edge, width + 2 * edge), dtype=np.uint8)

    @property
    def coverage(self) -> Coverage:
        """What was laid down, without the frame."""
        return self._framed[self._edge : -self._edge, self._edge : -self._edge]

    def seen(self, first: Fixed) -> Bools:
        """Which squares, *first* their first columns and rows, have a pixel on the mask."""
        height, width = self.coverage.shape
        near: Bools = (first > -self._edge) & (first < np.array([width, height]))
        return near[:, 0] & near[:, 1]

    def parts(self, count: int) -> Iterator[slice]:
        """*count* squares in parts that bound the memory."""
        step = max(1, _AT_ONCE_PX // self._edge**2)
        return (slice(start, start + step) for start in range(0, count, step))

    def lay(self, first: Fixed, shares: Float32s, opacity: float = 1.0) -> None:
        """Lay down squares, *first* their first columns and rows: `shares` 0 .. 1 of a pixel."""
        squares = np.rint(shares * np.float32(255 * opacity)).astype(np.uint8)
        steps = np.arange(self._edge, 2 * self._edge)
        rows, cols = first[:, 1, None] + steps, first[:, 0, None] + steps
        at = (rows * self._framed.shape[1])[:, :, None] + cols[:, None, :]
        np.maximum.at(self._framed.reshape(-1), at.ravel(), squares.ravel())


def bounds(corners: Fixed) -> tuple[Fixed, Fixed]:
    """The least and the greatest x and y of each shape, *corners* int64[shapes, corners, 2]."""
    # Corner by corner: to reduce along so short an axis takes numpy ten times as long.
    by_corner = corners.swapaxes(0, 1)
    return reduce(np.minimum, by_corner), reduce(np.maximum, by_corner)


def first_pixels(corners: Fixed, reach_px: float) -> Fixed:
    """Column and row of the first pixel whose centre may be within reach of each shape."""
    least, _ = bounds(corners)
    reach = int(np.ceil(reach_px * PARTS))
    first: Fixed = (least - reach + PARTS // 2 - 1) // PARTS
    return first


def edge_px(corners: Fixed, reach_px: float) -> int:
    """The edge of a square of pixels that holds each shape and what it reaches."""
    least, most = bounds(corners)
    return int((most - least).max(initial=0) / PARTS + 2 * reach_px) + 2


def centres_from(first: Fixed, corners: Fixed, edge: int) -> tuple[Float32s, Float32s]:
    """Columns and rows of the centres of squares of pixels, counted from *corners*.

    float32[shapes, edge] each.
    """
    from_corner = pixels(first * PARTS - corners)
    centres = np.arange(edge, dtype=np.float32) + np.float32(0.5)
    columns = np.add(from_corner[:, 0, None], centres, dtype=np.float32)
    rows = np.add(from_corner[:, 1, None], centres, dtype=np.float32)
    return columns, rows
