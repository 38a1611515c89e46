"""Values at the pixels, from the points around each.

Nearest takes the one point that is nearest. Bilinear mixes four, with missing points left
out: a pixel whose missing neighbours together have more than half of the share is missing;
otherwise the shares of the others are scaled up. Bicubic lays a smooth surface through
sixteen (Keys' kernel with a = -1/2, see `bicubic`).

At low zooms the points are those of a coarser level of the grid, each of which stands for a
block of its points (see `levels`).
"""

from enum import StrEnum
from typing import Final

import numpy as np

from consumers.handlers.tiles.bicubic import surface
from consumers.handlers.tiles.weights import (
    Float32s,
    FullMapping,
    Ints,
    Mapping,
    SeparableMapping,
    Steps,
)

#: A pixel needs at least the other half of the share in points that have a value.
MISSING_SHARE_MAX: Final = 0.5


class Resampling(StrEnum):
    """How a pixel gets its value from the points around it."""

    NEAREST = "nearest"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"

    @property
    def margin(self) -> int:
        """Points beyond the four around a pixel that are looked at, on each side."""
        return 1 if self is Resampling.BICUBIC else 0


def sample(values: Float32s, mapping: Mapping, how: Resampling) -> Float32s:
    """The field at every pixel: float32[height, width], NaN where it is missing.

    *values* are the cells of `mapping.window`; NaN and infinity mean missing.

    Every pixel is computed by the same operations in the same order whatever picture it
    is part of, so neighbouring pictures agree to the last bit.

    Raises:
        ValueError: *values* has another shape than the window.
    """
    match how:
        case Resampling.NEAREST:
            return nearest(values, mapping)
        case Resampling.BILINEAR:
            return bilinear(values, mapping)
        case Resampling.BICUBIC:
            return bicubic(values, mapping)


def nearest(values: Float32s, mapping: Mapping) -> Float32s:
    """The nearest point's value at every pixel (see `sample`)."""
    _require_window(values, mapping)
    field = _at_nearest(values, mapping)
    field[np.isinf(field)] = np.nan
    _clear_outside(field, mapping)
    return field


def bicubic(values: Float32s, mapping: Mapping) -> Float32s:
    """A smooth surface through the points (see `sample`); bilinear beside missing ones."""
    _require_window(values, mapping)
    present = np.isfinite(values)
    if present.all():
        field = surface(values, mapping)
    else:
        field = bilinear(values, mapping)
        beside = surface((~present).astype(np.float32), mapping, weighted=False) > 0
        smooth = surface(np.where(present, values, np.float32(0)), mapping)
        np.copyto(field, smooth, where=~beside)
    _clear_outside(field, mapping)
    return field


def bilinear(values: Float32s, mapping: Mapping) -> Float32s:
    """The four points around every pixel, mixed (see `sample`)."""
    _require_window(values, mapping)
    present = np.isfinite(values)
    if present.all():
        field = _interpolated(values, mapping)
    else:
        field = _interpolated(np.where(present, values, np.float32(0)), mapping)
        missing_share = _interpolated((~present).astype(np.float32), mapping)
        _scale_up(field, missing_share)
    _clear_outside(field, mapping)
    return field


def _require_window(values: Float32s, mapping: Mapping) -> None:
    if values.shape != mapping.window.shape:
        raise ValueError(
            f"the window has {mapping.window.shape} rows and columns, the values {values.shape}"
        )


def _at_nearest(values: Float32s, mapping: Mapping) -> Float32s:
    if isinstance(mapping, SeparableMapping):
        lines: Float32s = values.take(_nearest(mapping.rows), axis=0)
        field: Float32s = lines.take(_nearest(mapping.cols), axis=1)
        return field
    _, width = values.shape
    down = (mapping.row_weight >= 0.5) * width  # noqa: PLR2004 - half of the way
    right = mapping.col_weight >= 0.5  # noqa: PLR2004 - half of the way
    points: Float32s = values.ravel().take(mapping.lower + down + right)
    return points


def _nearest(steps: Steps) -> Ints:
    return steps.lower + (steps.weight >= 0.5)  # noqa: PLR2004 - half of the way


def _scale_up(field: Float32s, missing_share: Float32s) -> None:
    missing = missing_share > MISSING_SHARE_MAX
    partial = (missing_share > 0) & ~missing
    field[partial] /= 1 - missing_share[partial]
    field[missing] = np.nan


def _clear_outside(field: Float32s, mapping: Mapping) -> None:
    match mapping:
        case SeparableMapping():
            if mapping.outside_rows is not None:
                field[mapping.outside_rows] = np.nan
            if mapping.outside_cols is not None:
                field[:, mapping.outside_cols] = np.nan
        case FullMapping():
            if mapping.outside is not None:
                field[mapping.outside] = np.nan


def _interpolated(values: Float32s, mapping: Mapping) -> Float32s:
    match mapping:
        case SeparableMapping():
            return _separable(values, mapping.rows, mapping.cols)
        case FullMapping():
            return _full(values, mapping)


def _separable(values: Float32s, rows: Steps, cols: Steps) -> Float32s:
    # A strip of a picture needs few rows of its window.
    first, last = int(rows.lower.min()), int(rows.lower.max())
    values = values[first : last + 2]
    rows = Steps(rows.lower - first, rows.weight)
    if len(values) <= 2 * len(rows.lower):
        lines = _along_columns(values, cols)
        top, bottom = lines[rows.lower], lines[rows.lower + 1]
    else:
        # More rows than the pixels touch: interpolate only those.
        top = _along_columns(values[rows.lower], cols)
        bottom = _along_columns(values[rows.lower + 1], cols)
    return _mix(top, bottom, rows.weight[:, None])


def _along_columns(values: Float32s, cols: Steps) -> Float32s:
    left = np.take(values, cols.lower, axis=1)
    right = np.take(values, cols.lower + 1, axis=1)
    return _mix(left, right, cols.weight)


def _full(values: Float32s, mapping: FullMapping) -> Float32s:
    _, width = values.shape
    flat, share = values.ravel(), mapping.col_weight
    # Turned into the form that `take` needs once instead of four times.
    lower = mapping.lower.astype(np.intp)
    top = _along_flat(flat, lower, share)
    bottom = _along_flat(flat[width:], lower, share)
    return _mix(top, bottom, mapping.row_weight)


def _along_flat(flat: Float32s, lower: Ints, share: Float32s) -> Float32s:
    return _mix(flat.take(lower), flat[1:].take(lower), share)


def _mix(one: Float32s, other: Float32s, share: Float32s) -> Float32s:
    """*one* + *share* * (*other* - *one*): exact where both are equal; overwrites *other*."""
    other -= one
    other *= share
    other += one
    return other
