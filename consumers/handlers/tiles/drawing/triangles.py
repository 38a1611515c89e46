"""Filled triangles with smooth edges (see `coverage` for what that guarantees)."""

from typing import Final

import numpy as np

from consumers.handlers.tiles.drawing.coverage import (
    Coverage,
    Fixed,
    Mask,
    bounds,
    centres_from,
    edge_px,
    first_pixels,
    fixed,
    pixels,
)
from consumers.handlers.tiles.weights import Float32s, Float64s

#: float64[n, 3, 2]: x and y of the corners, in pixels from the picture's top left corner.
Triangles = Float64s


#: How far a side shows beyond itself.
_REACH_PX: Final = 0.5


def draw_triangles(triangles: Triangles, shape: tuple[int, int]) -> Coverage:
    """Coverage of a picture of *shape* (height, width) by *triangles*.

    Small ones, some tens of pixels wide: each is compared with all pixels of a square.
    """
    corners = fixed(triangles)
    edge = edge_px(corners, _REACH_PX)
    mask = Mask(shape, edge)
    first = first_pixels(corners, _REACH_PX)
    seen = mask.seen(first)
    corners, first = corners[seen], first[seen]
    for part in mask.parts(len(corners)):
        beyond = _beyond(corners[part], first[part], edge)
        mask.lay(first[part], np.clip(np.float32(_REACH_PX) - beyond, 0, 1))
    return mask.coverage


def _beyond(corners: Fixed, first: Fixed, edge: int) -> Float32s:
    """How far the pixels from *first* on lie beyond the sides; negative inside."""
    farthest = _beyond_box(corners, first, edge)
    along = pixels(np.roll(corners, -1, axis=1) - corners)
    # The sign of the area tells on which hand the inside lies.
    area = along[:, 0, 0] * along[:, 1, 1] - along[:, 0, 1] * along[:, 1, 0]
    hand = np.where(area < 0, np.float32(-1), np.float32(1))
    for number in range(3):
        x, y = centres_from(first, corners[:, number], edge)
        dx, dy = along[:, number, 0], along[:, number, 1]
        scale = hand / np.maximum(np.sqrt(dx * dx + dy * dy), np.float32(1e-6))
        off = (y * -(dx * scale)[:, None])[:, :, None] + (x * (dy * scale)[:, None])[:, None, :]
        np.maximum(farthest, off, out=farthest)
    return farthest


def _beyond_box(corners: Fixed, first: Fixed, edge: int) -> Float32s:
    """How far they lie beyond the box around the corners.

    Two sides that meet at a sharp corner are near to each other for a long way beyond it;
    how much of that shows must not depend on the size of the square.
    """
    least, most = bounds(corners)
    (x0, y0), (x1, y1) = (centres_from(first, each, edge) for each in (least, most))
    return np.maximum(np.maximum(-x0, x1)[:, None, :], np.maximum(-y0, y1)[:, :, None])


def sides(triangles: Triangles) -> Float64s:
    """The strokes around *triangles*, three for each: float64[3 n, 2, 2]."""
    return np.stack((triangles, np.roll(triangles, -1, axis=1)), axis=2).reshape(-1, 2, 2)
