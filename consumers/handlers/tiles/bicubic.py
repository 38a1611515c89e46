"""A smooth surface through sixteen points around each pixel.

R. Keys, "Cubic convolution interpolation for digital image processing", 1981, with
a = -1/2: exact on the points, and on every plane. Beyond the last row and column of a grid
their points are repeated.
"""

from collections.abc import Iterator
from functools import reduce

import numpy as np

from consumers.handlers.tiles.weights import Float32s, FullMapping, Ints, Mapping, SeparableMapping

_TAPS = (-1, 0, 1, 2)


def surface(values: Float32s, mapping: Mapping, *, weighted: bool = True) -> Float32s:
    """The surface through *values*, the cells of `mapping.window`, at every pixel.

    Not *weighted*: the plain sum of the sixteen points, which tells where any is not 0.
    """
    match mapping:
        case SeparableMapping():
            return _separable(values, mapping, weighted=weighted)
        case FullMapping():
            return _full(values, mapping, weighted=weighted)


def _separable(values: Float32s, mapping: SeparableMapping, *, weighted: bool) -> Float32s:
    height, width = values.shape
    cols, rows = mapping.cols, mapping.rows
    across = _total(
        share * values.take(at, axis=1)
        for share, at in zip(
            _line(cols.weight, weighted=weighted), _around(cols.lower, width), strict=True
        )
    )
    return _total(
        share[:, None] * across.take(at, axis=0)
        for share, at in zip(
            _line(rows.weight, weighted=weighted), _around(rows.lower, height), strict=True
        )
    )


def _full(values: Float32s, mapping: FullMapping, *, weighted: bool) -> Float32s:
    height, width = values.shape
    flat = values.ravel()
    row, col = np.divmod(mapping.lower, width)
    shares = _line(mapping.col_weight, weighted=weighted)
    cols = _around(col, width)
    return _total(
        share
        * _total(
            weight * flat.take(at_row * width + at_col)
            for weight, at_col in zip(shares, cols, strict=True)
        )
        for share, at_row in zip(
            _line(mapping.row_weight, weighted=weighted), _around(row, height), strict=True
        )
    )


def _total(parts: Iterator[Float32s]) -> Float32s:
    return reduce(np.add, parts)


def _around(lower: Ints, size: int) -> list[Ints]:
    return [np.clip(lower + tap, 0, size - 1) for tap in _TAPS]


def _line(t: Float32s, *, weighted: bool) -> tuple[Float32s, ...]:
    """The weights of the points -1, 0, 1 and 2 for a pixel at 0 <= t <= 1."""
    if not weighted:
        return (np.ones_like(t),) * len(_TAPS)
    half = np.float32(0.5)
    return (
        half * t * (t * (2 - t) - 1),
        half * (t * t * (3 * t - 5) + 2),
        half * t * (t * (4 - 3 * t) + 1),
        half * t * t * (t - 1),
    )
