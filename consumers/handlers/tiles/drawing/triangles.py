"""Filled triangles with smooth edges (see `coverage` for what that guarantees)."""

from typing import Final

import numpy as np

from consumers.handlers.tiles.drawing.coverage import (
    Coverage,
    Fixed,
    Mask,
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
    sides = pixels(np.roll(corners, -1, axis=1) - corners)
    # The sign of the area tells on which hand the inside lies.
    area = sides[:, 0, 0] * sides[:, 1, 1] - sides[:, 0, 1] * sides[:, 1, 0]
    hand = np.where(area < 0, np.float32(-1), np.float32(1))
    farthest = np.full((len(corners), edge, edge), -np.inf, dtype=np.float32)
    for number in range(3):
        x, y = centres_from(first, corners[:, number], edge)
        dx, dy = sides[:, number, 0], sides[:, number, 1]
        scale = hand / np.maximum(np.sqrt(dx * dx + dy * dy), np.float32(1e-6))
        off = (y * -(dx * scale)[:, None])[:, :, None] + (x * (dy * scale)[:, None])[:, None, :]
        np.maximum(farthest, off, out=farthest)
    return farthest


def sides(triangles: Triangles) -> Float64s:
    """The strokes around *triangles*, three for each: float64[3 n, 2, 2]."""
    return np.stack((triangles, np.roll(triangles, -1, axis=1)), axis=2).reshape(-1, 2, 2)
