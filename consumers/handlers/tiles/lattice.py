"""Projecting few points and interpolating the rest.

To ask a projection for each of 65 536 pixels costs 10 ms; to ask it for the 361 nodes of
a lattice and 256 points between them costs 0.1 ms. The nodes stand every 16 pixels,
17 x 17 over a tile of 256 and one more on each side, and a pixel is interpolated from the
4 x 4 nodes around it with cubic polynomials: the error falls 16-fold when the distance
halves, where the usual bilinear lattice has 4-fold.

Every block between four nodes proves itself: a point near its centre, where the error is
largest, is projected exactly. A block that misses by more than `TOLERANCE_CELLS` is tried
with nodes every 8, then every 4 pixels, then pixel by pixel; a seam or a pole of the
projection always ends there, because no polynomial fits a jump.

Nodes stand at multiples of their distance in the pixels of the whole world. So a pixel's
result does not depend on the picture it is part of.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from consumers.handlers.tiles.pixels import PixelAxis

Float64s = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

#: Takes pixel positions along x and y, which broadcast, to columns and rows of a grid.
Project = Callable[[Float64s, Float64s], tuple[Float64s, Float64s]]

#: Distances of the nodes in pixels, each tried where the one before was too coarse.
NODE_DISTANCES_PX: Final = (16, 8, 4)

#: Nodes that a pixel is interpolated from, along each axis.
TAPS: Final = 4

#: Where a block is checked, as a share of its edges. At the centre itself the error of a
#: function that is odd around it vanishes, however large it is beside.
CHECK_AT: Final = 0.4

#: Nodes this much of a world apart or more are not tried: 4 of them could see several turns
#: of the earth and take them for something smooth.
NODE_DISTANCE_MAX_WORLDS: Final = 1 / 8

#: The largest error where a block is checked, in cells of the grid. On a field that crosses
#: ten colours per cell it changes one pixel in a thousand, by one colour.
TOLERANCE_CELLS: Final = 1e-4


class Positions(NamedTuple):
    """Columns and rows of a grid, in fractions of cells, for every pixel.

    NaN or infinite where the projection has no answer.
    """

    cols: Float64s
    rows: Float64s


def positions(
    project: Project,
    x_axis: PixelAxis,
    y_axis: PixelAxis,
    tolerance_cells: float = TOLERANCE_CELLS,
) -> Positions:
    """Columns and rows, float64[height, width], of the pixels of two axes."""
    shape = (y_axis.size_px, x_axis.size_px)
    cols, rows = np.empty(0), np.empty(0)
    todo = np.ones(shape, dtype=np.bool_)
    for distance_px in NODE_DISTANCES_PX:
        if distance_px > NODE_DISTANCE_MAX_WORLDS * min(x_axis.world_px, y_axis.world_px):
            continue
        xs, ys = _Nodes.along(x_axis, distance_px), _Nodes.along(y_axis, distance_px)
        nodes, good = _checked(project, xs, ys, tolerance_cells)
        if good.all() and not cols.size:
            # Nearly every picture ends here.
            return Positions(*(_at_pixels(values, xs, ys) for values in nodes))
        if not cols.size:
            cols, rows = np.full(shape, np.nan), np.full(shape, np.nan)
        near = good[np.ix_(ys.block, xs.block)]
        # A node without an answer spoils its blocks, and they are done exactly.
        with np.errstate(invalid="ignore", over="ignore"):
            if good.any():
                for values, filled in zip(nodes, (cols, rows), strict=True):
                    np.copyto(filled, _at_pixels(values, xs, ys), where=near & todo)
        todo &= ~near
        if not todo.any():
            return Positions(cols, rows)
    if not cols.size:
        cols, rows = np.full(shape, np.nan), np.full(shape, np.nan)
    at_y, at_x = np.nonzero(todo)
    cols[todo], rows[todo] = project(
        at_x.astype(np.float64) + (x_axis.first + 0.5),
        at_y.astype(np.float64) + (y_axis.first + 0.5),
    )
    return Positions(cols, rows)


class _Nodes(NamedTuple):
    """Nodes along one axis.

    `at_px` are their positions, `checks_px` those where the blocks between them are checked.
    Pixel i lies in block `block[i]`, and `weights[i]` are the shares of the nodes `block[i]`
    .. `block[i] + 3`.
    """

    at_px: Float64s
    checks_px: Float64s
    block: Ints
    weights: Float64s

    @classmethod
    def along(cls, axis: PixelAxis, distance_px: int) -> "_Nodes":
        pixels = np.arange(axis.first, axis.first + axis.size_px)
        first, last = pixels[0] // distance_px, pixels[-1] // distance_px
        return cls(
            at_px=np.arange(first - 1, last + 3) * float(distance_px),
            checks_px=(np.arange(first, last + 1) + CHECK_AT) * float(distance_px),
            block=pixels // distance_px - first,
            weights=_cubic((pixels % distance_px + 0.5) / distance_px),
        )


def _cubic(t: Float64s) -> Float64s:
    """Lagrange's weights of nodes -1, 0, 1, 2 at 0 <= t < 1, float64[n, 4]."""
    return np.stack(
        (
            -t * (t - 1) * (t - 2) / 6,
            (t + 1) * (t - 1) * (t - 2) / 2,
            -(t + 1) * t * (t - 2) / 2,
            (t + 1) * t * (t - 1) / 6,
        ),
        axis=-1,
    )


def _checked(
    project: Project, xs: _Nodes, ys: _Nodes, tolerance_cells: float
) -> tuple[tuple[Float64s, Float64s], npt.NDArray[np.bool_]]:
    """The nodes, projected, and which of the blocks between them are near enough."""
    nodes = project(xs.at_px[None, :], ys.at_px[:, None])
    exact = project(xs.checks_px[None, :], ys.checks_px[:, None])
    good = np.ones(exact[0].shape, dtype=np.bool_)
    with np.errstate(invalid="ignore", over="ignore"):
        for values, truth in zip(nodes, exact, strict=True):
            good &= np.abs(_at_checks(values) - truth) <= tolerance_cells
    return nodes, good


def _at_checks(nodes: Float64s) -> Float64s:
    weights = _cubic(np.array([CHECK_AT]))[0]
    height, width = nodes.shape[0] - 3, nodes.shape[1] - 3
    lines = np.zeros((height, nodes.shape[1]))
    points = np.zeros((height, width))
    for tap, weight in enumerate(weights):
        lines += weight * nodes[tap : tap + height]
    for tap, weight in enumerate(weights):
        points += weight * lines[:, tap : tap + width]
    return points


def _at_pixels(nodes: Float64s, xs: _Nodes, ys: _Nodes) -> Float64s:
    # Sums in a fixed order instead of a matrix product, whose last bits depend on the shape.
    lines = ys.weights[:, [0]] * nodes[ys.block]
    for tap in range(1, TAPS):
        lines += ys.weights[:, [tap]] * nodes[ys.block + tap]
    pixels = xs.weights[:, 0] * lines.take(xs.block, axis=1)
    for tap in range(1, TAPS):
        part = lines.take(xs.block + tap, axis=1)
        part *= xs.weights[:, tap]
        pixels += part
    return pixels
