"""Straight strokes with round ends and smooth edges.

A pixel's coverage follows from the distance of its centre to the nearest stroke (see
`coverage` for what that guarantees).
"""

from typing import Final

import numpy as np

from consumers.handlers.tiles.drawing.coverage import (
    PARTS,
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

#: float64[n, 2, 2]: x and y of both ends, in pixels from the picture's top left corner. The
#: centre of the first pixel is at 0.5, 0.5.
Strokes = Float64s

#: Longer strokes are cut: each piece is compared with all pixels of a square around it.
_PIECE_PX: Final = 5.0


def draw_strokes(strokes: Strokes, width_px: float, shape: tuple[int, int]) -> Coverage:
    """Coverage of a picture of *shape* (height, width) by *strokes*.

    A stroke thinner than a pixel is one pixel wide and fainter.
    """
    reach_px = max(width_px, 1.0) / 2 + 0.5
    pieces = _pieces(_near(fixed(strokes), reach_px, shape))
    edge = edge_px(pieces, reach_px)
    mask = Mask(shape, edge)
    first = first_pixels(pieces, reach_px)
    seen = mask.seen(first)
    pieces, first = pieces[seen], first[seen]
    for part in mask.parts(len(pieces)):
        distances = _distances(pieces[part], first[part], edge)
        shares = np.clip(np.float32(reach_px) - distances, 0, 1)
        mask.lay(first[part], shares, opacity=min(width_px, 1.0))
    return mask.coverage


def path(points: Float64s) -> Strokes:
    """The strokes from each of *points*, float64[n, 2], to the next."""
    return np.stack((points[:-1], points[1:]), axis=1)


def _near(strokes: Fixed, reach_px: float, shape: tuple[int, int]) -> Fixed:
    """The strokes of which something may be seen."""
    height, width = shape
    margin = int(reach_px + 1) * PARTS
    far = np.array([width, height]) * PARTS + margin
    least, most = bounds(strokes)
    near = (most > -margin) & (least < far)
    found: Fixed = strokes[near[:, 0] & near[:, 1]]
    return found


def _pieces(strokes: Fixed) -> Fixed:
    """*strokes*, cut into pieces of at most `_PIECE_PX`."""
    along = strokes[:, 1] - strokes[:, 0]
    longest = np.maximum(np.abs(along[:, 0]), np.abs(along[:, 1]))
    counts = np.maximum(1, np.ceil(longest / (_PIECE_PX * PARTS))).astype(np.int64)
    if (counts == 1).all():
        return strokes
    which = np.repeat(np.arange(len(strokes)), counts)
    number = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
    # Rounded as a way from the start, not as a place: that is the same in every picture.
    share = np.stack((number, number + 1), axis=1) / counts[which][:, None]
    ways = np.rint(share[:, :, None] * along[which][:, None, :]).astype(np.int64)
    pieces: Fixed = strokes[which, :1] + ways
    return pieces


def _distances(pieces: Fixed, first: Fixed, edge: int) -> Float32s:
    """From each piece to the *edge* x *edge* pixels from *first* on: [n, edge, edge]."""
    x, y = centres_from(first, pieces[:, 0], edge)
    along = pixels(pieces[:, 1] - pieces[:, 0])
    dx, dy = along[:, 0, None], along[:, 1, None]
    # A piece without length is a point; its nearest point is its start.
    squared = np.maximum(dx * dx + dy * dy, np.float32(1e-9))
    share = (x * (dx / squared))[:, None, :] + (y * (dy / squared))[:, :, None]
    np.clip(share, 0, 1, out=share)
    off_x = x[:, None, :] - share * dx[:, :, None]
    off_y = y[:, :, None] - share * dy[:, :, None]
    off_x *= off_x
    off_y *= off_y
    off_x += off_y
    return np.sqrt(off_x, out=off_x)
