"""What is drawn over a picture: masks of coverage, each in one colour."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from consumers.handlers.tiles.colour import rgba
from consumers.handlers.tiles.drawing.coverage import Coverage

#: Red, green, blue and opacity (not multiplied into the others), uint8[height, width, 4].
Picture = npt.NDArray[np.uint8]

_FULL = 255


@dataclass(frozen=True, slots=True, eq=False)
class Ink:
    """*colour*, `#rrggbb` or `#rrggbbaa`, where there is coverage."""

    coverage: Coverage
    colour: str


def transparent(shape: tuple[int, int]) -> Picture:
    """A picture of *shape* (height, width) with nothing on it."""
    return np.zeros((*shape, 4), dtype=np.uint8)


def paint(picture: Picture, inks: Iterable[Ink]) -> None:
    """Put *inks* over *picture*, whose bytes lie in one piece, the first one lowest.

    Every pixel is computed from its own coverage alone.

    Raises:
        StyleError: a colour is written wrongly.
        ValueError: *picture* is a part of a larger one.
    """
    if not picture.flags.c_contiguous:
        raise ValueError("only a whole picture can be painted on, not a part of a larger one")
    # A pixel as one number: that is what few of many are taken from fastest.
    flat = picture.reshape(-1).view(np.uint32)
    for ink in inks:
        colour = rgba(ink.colour)
        covered = np.flatnonzero(ink.coverage != 0)  # of truths, because that is faster
        share = ink.coverage.reshape(-1)[covered].astype(np.float32) * np.float32(
            colour[3] / _FULL**2
        )
        below = flat[covered].view(np.uint8).reshape(-1, 4)
        flat[covered] = _over(below, colour[:3], share).reshape(-1).view(np.uint32)


def _over(below: Picture, colour: Picture, share: npt.NDArray[np.float32]) -> Picture:
    """*colour* with opacity *share* over *below*: Porter and Duff's "over"."""
    kept = below[:, 3] * np.float32(1 / _FULL) * (1 - share)
    opacity = share + kept
    # Nothing over nothing has no colour; any divisor will do.
    scale = 1 / np.maximum(opacity, np.float32(1e-6))
    mixed = np.empty(below.shape, dtype=np.float32)
    mixed[:, :3] = below[:, :3] * (kept * scale)[:, None] + colour * (share * scale)[:, None]
    mixed[:, 3] = opacity * _FULL
    return np.rint(mixed).astype(np.uint8)
