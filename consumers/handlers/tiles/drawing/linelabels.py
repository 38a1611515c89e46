"""Where the numbers along contour lines stand.

Each stands where its line is straight for its length, upright, clear of the others, and
wholly inside the cell of the picture that it belongs to. It follows from the lines in the
cell alone: the same cell has the same labels in every picture, and none is cut.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import atan2, degrees
from typing import Final, NamedTuple

import numpy as np

from consumers.handlers.tiles.drawing.coverage import Coverage
from consumers.handlers.tiles.drawing.ink import Ink
from consumers.handlers.tiles.drawing.isolines import Isoline
from consumers.handlers.tiles.drawing.labeltext import ANGLE_STEP_DEG, text_mask, text_width_px
from consumers.handlers.tiles.weights import Bools, Float64s, Ints

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
    lines = [line for line in lines if len(line.points) > 1]
    if not lines:
        return []
    texts = [options.text(line.level) for line in lines]
    widths = np.array([text_width_px(text, options.size_px) for text in texts])
    widths += 3 * options.rim_px
    tried = _places_along(lines, widths, options, shape)
    free = np.ones(len(tried.owner), dtype=np.bool_)
    placed: list[Label] = []
    while len(placed) < _LABELS_MAX and free.any():
        # They are sorted: the first is the best one of the longest line.
        best = int(free.argmax())
        owner = tried.owner[best]
        x, y = tried.middles[best]
        width = float(widths[owner])
        angle = _angle_deg(tried.ways[best])
        placed.append(Label(texts[owner], float(x), float(y), angle, width))
        away = np.hypot(tried.middles[:, 0] - x, tried.middles[:, 1] - y)
        free &= away > (widths[tried.owner] + width) / 2
        free &= (tried.owner != owner) | (away >= options.apart_px)
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


class _Tried(NamedTuple):
    """Places where a label can stand, those of the longest line first, the straightest first.

    `owner` is the number of the line, `ways` leads from the label's start to its end.
    """

    owner: Ints
    middles: Float64s
    ways: Float64s


def _places_along(
    lines: Sequence[Isoline], widths: Float64s, options: Labels, shape: tuple[int, int]
) -> _Tried:
    points = np.concatenate([line.points for line in lines])
    ends = np.cumsum([len(line.points) for line in lines])
    steps = np.hypot(*np.diff(points, axis=0, prepend=points[:1]).T)
    # From the end of one line to the start of the next there is no way.
    steps[ends[:-1]] = 0.0
    at = np.cumsum(steps)
    lengths = np.diff(at[ends - 1], prepend=0.0)
    where = np.arange(0.0, at[-1], _TRY_EVERY_PX)
    x, y = np.interp(where, at, points[:, 0]), np.interp(where, at, points[:, 1])
    owner = np.searchsorted(at[ends - 1], where)
    half = np.ceil(widths / 2 / _TRY_EVERY_PX).astype(np.intp)[owner]
    number = np.arange(len(where))
    before, after = np.maximum(number - half, 0), np.minimum(number + half, len(where) - 1)
    fits = (owner[before] == owner) & (owner[after] == owner) & (after - before == 2 * half)
    before, number, after, owner = before[fits], number[fits], after[fits], owner[fits]
    starts, stops = (np.stack((x[each], y[each]), axis=1) for each in (before, after))
    middles, ways = (starts + stops) / 2, stops - starts
    off = np.hypot(x[number] - middles[:, 0], y[number] - middles[:, 1])
    # A line that winds may come back to the middle; it is then much shorter than its way.
    bends = np.maximum(off, (after - before) * _TRY_EVERY_PX - np.hypot(*ways.T))
    good = (bends <= _BEND_MAX * options.size_px) & _inside(starts, stops, options, shape)
    order = np.lexsort((bends, owner, -lengths[owner]))
    order = order[good[order]]
    return _Tried(owner[order], middles[order], ways[order])


def _inside(starts: Float64s, ends: Float64s, options: Labels, shape: tuple[int, int]) -> Bools:
    """Whether a label from each of *starts* to each of *ends* lies in the cell."""
    # Angles and places are rounded: by 2.5 degrees of half a label, and by half a pixel.
    room = options.size_px / 2 + options.rim_px + 2
    least, most = np.minimum(starts, ends) - room, np.maximum(starts, ends) + room
    inside: Bools = (least >= 0).all(axis=1) & (most[:, 0] <= shape[1]) & (most[:, 1] <= shape[0])
    return inside


def _angle_deg(way: Float64s) -> int:
    """The direction of *way* or back, whichever is upright, in whole steps."""
    dx, dy = way
    angle = round(degrees(atan2(-dy, dx)) / ANGLE_STEP_DEG) * ANGLE_STEP_DEG
    return (angle + 90) % 180 - 90
