"""A smooth surface through sixteen points around each pixel.

R. Keys, "Cubic convolution interpolation for digital image processing", 1981, with
a = -1/2: exact on the points, and on every plane. Beyond the last row and column of a grid
their points are repeated.
"""

import numpy as np

from consumers.handlers.tiles.weights import Float32s, FullMapping, Ints, Mapping, SeparableMapping

_TAPS = (-1, 0, 1, 2)


def surface(values: Float32s, mapping: Mapping, *, weighted: bool = True) -> Float32s:
    """The surface through *values*, the cells of `mapping.window`, at every pixel.

    Not *weighted*: the plain sum of the sixteen points, which tells where any is not 0.
    """
    height, width = values.shape
    match mapping:
        case SeparableMapping(rows=rows, cols=cols):
            lines = _line(rows.weight, weighted=weighted)
            columns = _line(cols.weight, weighted=weighted)
            at_rows, at_cols = _around(rows.lower, height), _around(cols.lower, width)
            across = sum(
                weight * values.take(at, axis=1)
                for weight, at in zip(columns, at_cols, strict=True)
            )
            field = sum(
                weight[:, None] * np.asarray(across).take(at, axis=0)
                for weight, at in zip(lines, at_rows, strict=True)
            )
        case FullMapping():
            lines = _line(mapping.row_weight, weighted=weighted)
            columns = _line(mapping.col_weight, weighted=weighted)
            row, col = np.divmod(mapping.lower, width)
            at_cols, flat = _around(col, width), values.ravel()
            field = sum(
                line
                * sum(
                    weight * flat.take(at_row * width + at_col)
                    for weight, at_col in zip(columns, at_cols, strict=True)
                )
                for line, at_row in zip(lines, _around(row, height), strict=True)
            )
    return np.asarray(field, dtype=np.float32)


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
