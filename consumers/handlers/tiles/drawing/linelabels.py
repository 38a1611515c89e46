"""Where the numbers along contour lines stand.

Each stands where its line is straight for its length, upright, clear of the others, and
wholly inside the cell of the picture that it belongs to. It follows from the lines in the
cell alone: the same cell has the same labels in every picture, and none is cut.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import atan2, ceil, degrees
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from consumers.handlers.tiles.drawing.coverage import Coverage
from consumers.handlers.tiles.drawing.ink import Ink
from consumers.handlers.tiles.drawing.isolines import Isoline
from consumers.handlers.tiles.drawing.labeltext import ANGLE_STEP_DEG, text_mask, text_width_px
from consumers.handlers.tiles.weights import Float64s

#: Places are tried this far apart along a line.
_TRY_EVERY_PX: Final = 3.0

#: How far a line may bend away under its label, as a share of the size of the letters.
_BEND_MAX: Final = 0.25

#: So many labels in a cell at most.
_LABELS_MAX: Final = 24


@dataclass(frozen=True, slots=True)
class Labels:
    """Numbers along lines: `level * factor + offset` with `decimals`.

    Attributes:
        size_px: height of the letters.
        colour: of the digits.
        rim: colour around them, None for none; the line is interrupted in any case.
        rim_px: how wide the rim is; the line ends half as much further away.
        apart_px: the least distance of two labels on one line.
        majors_only: whether minor lines have none.
    """

    size_px: float = 11.0
    colour: str = "#202020"
    rim: str | None = "#ffffffb0"
    rim_px: float = 1.5
    apart_px: float = 140.0
    factor: float = 1.0
    offset: float = 0.0
    decimals: int = 0
    majors_only: bool = False

    def scaled(self, scale: int) -> "Labels":
        """The same look where every pixel is *scale* times as fine."""
        return replace(
            self,
            size_px=self.size_px * scale,
            rim_px=self.rim_px * scale,
            apart_px=self.apart_px * scale,
        )

    def text(self, level: float) -> str:
        """What stands beside the line of *level*."""
        # Adding 0 turns -0.0 into 0.0, which is written without a sign.
        return f"{round(level * self.factor + self.offset, self.decimals) + 0.0:.{self.decimals}f}"


class Label(NamedTuple):
    """A placed text: its middle, in pixels, and its angle, counterclockwise."""

    text: str
    x_px: float
    y_px: float
    angle_deg: int
    width_px: float


def place_labels(lines: Sequence[Isoline], options: Labels, shape: tuple[int, int]) -> list[Label]:
    """The labels of *lines* in a cell of *shape* (height, width), the longest lines first."""
    placed: list[Label] = []
    for line in sorted(lines, key=lambda each: -len(each.points)):
        for label in _along(line, options, shape, placed):
            placed.append(label)
            if len(placed) == _LABELS_MAX:
                return placed
    return placed


def draw_labels(
    labels: Sequence[Label], options: Labels, lines: Sequence[Coverage], shape: tuple[int, int]
) -> tuple[Ink, ...]:
    """Rims and texts of *labels*; in *lines* gaps are made for them."""
    texts, rims, boxes = (np.zeros(shape, dtype=np.uint8) for _ in range(3))
    for label in labels:
        mask = text_mask(label.text, options.size_px, label.angle_deg, options.rim_px)
        half = len(mask.text) // 2
        top, left = round(label.y_px) - half, round(label.x_px) - half
        # The corners of a mask are empty and may lie beyond the cell.
        cut = slice(max(0, -top), shape[0] - top), slice(max(0, -left), shape[1] - left)
        here = slice(max(0, top), top + 2 * half), slice(max(0, left), left + 2 * half)
        for whole, part in zip((texts, rims, boxes), mask, strict=True):
            np.maximum(whole[here], part[cut], out=whole[here])
    for line in lines:
        np.minimum(line, 255 - boxes, out=line)
    inks = (Ink(texts, options.colour),)
    return inks if options.rim is None else (Ink(rims, options.rim), *inks)


def _along(
    line: Isoline, options: Labels, shape: tuple[int, int], placed: Sequence[Label]
) -> Iterator[Label]:
    """The labels of one line, each clear of those in *placed*, to which each is added."""
    text = options.text(line.level)
    width = text_width_px(text, options.size_px) + 3 * options.rim_px
    half = ceil(width / 2 / _TRY_EVERY_PX)
    tried = _evenly(line)
    if len(tried) <= 3 * half:
        return
    starts, middles, ends = tried[: -2 * half], tried[half:-half], tried[2 * half :]
    centres = (starts + ends) / 2
    shorter = 2 * half * _TRY_EVERY_PX - np.hypot(*(ends - starts).T)
    # A line that winds may come back to the middle; it is then much shorter than its way.
    bends = np.maximum(np.hypot(*(middles - centres).T), shorter)
    free = (bends <= _BEND_MAX * options.size_px) & _inside(starts, ends, options, shape)
    for other in placed:
        away = np.hypot(centres[:, 0] - other.x_px, centres[:, 1] - other.y_px)
        free &= away > (width + other.width_px) / 2
    while free.any():
        best = int(np.argmin(np.where(free, bends, np.inf)))
        x, y = centres[best]
        yield Label(text, float(x), float(y), _angle_deg(starts[best], ends[best]), width)
        free &= np.hypot(*(centres - centres[best]).T) >= max(options.apart_px, width)


def _evenly(line: Isoline) -> Float64s:
    """Points on *line*, `_TRY_EVERY_PX` apart along it."""
    x, y = line.points.T
    at = np.zeros(len(x))
    np.cumsum(np.hypot(np.diff(x), np.diff(y)), out=at[1:])
    where = np.arange(0.0, at[-1], _TRY_EVERY_PX)
    return np.stack((np.interp(where, at, x), np.interp(where, at, y)), axis=1)


def _inside(
    starts: Float64s, ends: Float64s, options: Labels, shape: tuple[int, int]
) -> npt.NDArray[np.bool_]:
    """Whether a label from each of *starts* to each of *ends* lies in the cell."""
    # Angles and places are rounded: by 2.5 degrees of half a label, and by half a pixel.
    room = options.size_px / 2 + options.rim_px + 2
    least, most = np.minimum(starts, ends) - room, np.maximum(starts, ends) + room
    inside: npt.NDArray[np.bool_] = (
        (least >= 0).all(axis=1) & (most[:, 0] <= shape[1]) & (most[:, 1] <= shape[0])
    )
    return inside


def _angle_deg(start: Float64s, end: Float64s) -> int:
    """The direction from *start* to *end* or back, whichever is upright, in whole steps."""
    dx, dy = end - start
    angle = round(degrees(atan2(-dy, dx)) / ANGLE_STEP_DEG) * ANGLE_STEP_DEG
    return (angle + 90) % 180 - 90
