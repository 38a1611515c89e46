"""Drawing short straight strokes, smooth-edged, into a mask of coverage.

A pixel's coverage follows from the distance of its centre to the nearest stroke, and
where strokes meet or cross the larger coverage counts. So it depends neither on the order
of the strokes nor on those far away, nor on the picture's place: a picture that is cut in
two, each part drawn with the strokes near it, is the same to the last bit.

To that end places are rounded to 1/256 of a pixel and everything after is computed from
differences, which are then exact. Two parts must agree on a stroke's ends to that
rounding; where they count pixels from different corners, the corners must lie a whole
number of pixels apart.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Int32s = npt.NDArray[np.int32]

#: How much of every pixel is covered, uint8[height, width]: 255 is all of it.
Coverage = npt.NDArray[np.uint8]

#: Strokes: float64[n, 4], x and y of one end and of the other, in pixels from the
#: picture's top left corner. The centre of the first pixel is at 0.5, 0.5.
Strokes = Float64s

#: Parts of a pixel that places are rounded to.
_PARTS: Final = 256

#: Longer strokes are cut: each piece is compared with all pixels of the square around it.
_PIECE_PX: Final = 5.0

#: How many pieces are drawn at once; bounds the memory.
_AT_ONCE: Final = 8192


def draw_strokes(strokes: Strokes, width_px: float, shape: tuple[int, int]) -> Coverage:
    """Coverage of a picture of *shape* (height, width) by *strokes* with round ends.

    A stroke thinner than a pixel is one pixel wide and fainter.
    """
    height, width = shape
    reach_px = max(width_px, 1.0) / 2 + 0.5
    pieces = _pieces(_near(np.rint(strokes * _PARTS).astype(np.int64), reach_px, shape))
    # A square around the longest piece, and a frame of its size for those across the edge.
    edge = int(_longest_px(pieces) + 2 * reach_px) + 1
    first = _first_pixels(pieces, reach_px)
    seen = ((first > -edge) & (first < (width, height))).all(axis=1)
    pieces, first = pieces[seen], first[seen]
    canvas = np.zeros((height + 2 * edge, width + 2 * edge), dtype=np.uint8)
    opacity = np.float32(255 * min(width_px, 1.0))
    for start in range(0, len(pieces), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        covered = _covered(pieces[part], first[part], edge, np.float32(reach_px))
        covered *= opacity
        _lay(canvas, first[part] + edge, np.rint(covered).astype(np.uint8))
    return canvas[edge:-edge, edge:-edge]


def path(points: Float64s) -> Strokes:
    """The strokes from each of *points*, float64[n, 2], to the next."""
    return np.hstack((points[:-1], points[1:]))


def _near(
    strokes: npt.NDArray[np.int64], reach_px: float, shape: tuple[int, int]
) -> npt.NDArray[np.int64]:
    """The strokes of which something can be seen."""
    margin = int(reach_px + 1) * _PARTS
    ends = strokes.reshape(-1, 2, 2)
    least, most = ends.min(axis=1), ends.max(axis=1)
    far = np.array([shape[1], shape[0]]) * _PARTS + margin
    seen: npt.NDArray[np.bool_] = ((most > -margin) & (least < far)).all(axis=1)
    return strokes[seen]


def _pieces(strokes: npt.NDArray[np.int64]) -> Int32s:
    """*strokes*, cut into pieces of at most `_PIECE_PX`."""
    along = strokes[:, 2:] - strokes[:, :2]
    longest = np.abs(along).max(axis=1, initial=0)
    counts = np.maximum(1, np.ceil(longest / (_PIECE_PX * _PARTS))).astype(np.int64)
    if (counts == 1).all():
        return strokes.astype(np.int32)
    which = np.repeat(np.arange(len(strokes)), counts)
    number = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
    # Rounded as a way from the start, not as a place: that is the same in every picture.
    share = np.stack((number, number + 1), axis=1) / counts[which][:, None]
    ways = np.rint(share[:, :, None] * along[which][:, None, :]).astype(np.int64)
    ends = strokes[which][:, None, :2] + ways
    pieces: Int32s = ends.reshape(-1, 4).astype(np.int32)
    return pieces


def _longest_px(pieces: Int32s) -> float:
    return float(np.abs(pieces[:, 2:] - pieces[:, :2]).max(initial=0)) / _PARTS


def _first_pixels(pieces: Int32s, reach_px: float) -> Int32s:
    """Column and row of the first pixel whose centre may be within reach of each piece."""
    reach = int(np.ceil(reach_px * _PARTS))
    least = np.minimum(pieces[:, :2], pieces[:, 2:])
    first: Int32s = (least - reach + _PARTS // 2 - 1) // _PARTS
    return first


def _covered(pieces: Int32s, first: Int32s, edge: int, reach_px: np.float32) -> Float32s:
    """How much each piece covers of the square of pixels from *first* on: [n, edge, edge]."""
    part = np.float32(1 / _PARTS)
    centres = np.arange(edge, dtype=np.float32) + np.float32(0.5)
    corner = (first * _PARTS - pieces[:, :2]).astype(np.float32) * part
    x, y = corner[:, 0, None] + centres, corner[:, 1, None] + centres
    along = (pieces[:, 2:] - pieces[:, :2]).astype(np.float32) * part
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
    np.sqrt(off_x, out=off_x)
    np.subtract(reach_px, off_x, out=off_x)
    covered: Float32s = np.clip(off_x, 0, 1, out=off_x)
    return covered


def _lay(canvas: Coverage, first: Int32s, squares: Coverage) -> None:
    """Keep the larger coverage, of *canvas* or of *squares*, whose first pixels are *first*."""
    steps = np.arange(squares.shape[1])
    rows, cols = first[:, 1, None] + steps, first[:, 0, None] + steps
    at = (rows * canvas.shape[1])[:, :, None] + cols[:, None, :]
    np.maximum.at(canvas.reshape(-1), at.ravel(), squares.ravel())
