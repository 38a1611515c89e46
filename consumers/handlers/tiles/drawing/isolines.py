"""Lines of equal value through a field.

Marching squares (contourpy) over every second pixel: a field that is interpolated between
points some pixels apart loses nothing by it, and it takes a quarter of the time of every
pixel. Which pixels are samples follows from their numbers in the world, so a line leaves
one picture where it enters the next.

Where the field is missing a line ends.
"""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple, cast

import numpy as np
from contourpy import LineType, contour_generator

from consumers.handlers.tiles.weights import Float32s, Float64s

#: The distance of the samples where a pixel has its usual size.
STEP_PX: Final = 2


class Isoline(NamedTuple):
    """One connected line: its level, and float64[n, 2] points, x and y in pixels."""

    level: float
    points: Float64s


def isolines(
    field: Float32s,
    first_px: tuple[int, int],
    levels: Iterable[float],
    step_px: int = STEP_PX,
) -> list[Isoline]:
    """The lines of *levels* through *field*, NaN where it is missing.

    *first_px* are the numbers of the first pixel along x and y in the world; every
    *step_px*-th pixel of the world is a sample. Points are counted from the corner of the
    first pixel.
    """
    from_x, from_y = (-first % step_px for first in first_px)
    samples = field[from_y::step_px, from_x::step_px]
    if min(samples.shape) < 2:  # noqa: PLR2004 - a square has two corners a side
        return []
    generator = contour_generator(
        np.arange(samples.shape[1]) * step_px + (from_x + 0.5),
        np.arange(samples.shape[0]) * step_px + (from_y + 0.5),
        samples,
        name="serial",
        line_type=LineType.Separate,
    )
    return [
        Isoline(level, points)
        for level in levels
        # One of several forms, says its type; the line type asked for has this one.
        for points in cast("list[Any]", generator.lines(level))
    ]
