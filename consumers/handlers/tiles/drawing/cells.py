"""The squares that a picture is cut into where something must not be cut by its edge.

They stand on the world, not on the picture. A picture is drawn cell by cell, so pictures
that consist of whole cells agree wherever they show the same one. A usual tile is one.
"""

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple


class Cell(NamedTuple):
    """The rows and columns of a picture that lie in one cell."""

    rows: slice
    cols: slice

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.rows.stop - self.rows.start, self.cols.stop - self.cols.start


def cells(first_px: tuple[int, int], shape: tuple[int, int], cell_px: int) -> Iterator[Cell]:
    """The cells of a picture of *shape* (height, width), those at its edges cut off.

    *first_px* are the numbers of its first pixel along x and y in the world.
    """
    across, down = first_px
    height, width = shape
    return (
        Cell(rows, cols)
        for rows, cols in product(_runs(down, height, cell_px), _runs(across, width, cell_px))
    )


def _runs(first: int, size: int, cell: int) -> Iterator[slice]:
    for start in range(first // cell * cell, first + size, cell):
        yield slice(max(0, start - first), min(size, start + cell - first))
