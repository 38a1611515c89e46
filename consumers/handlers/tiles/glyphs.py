"""Putting glyphs, drawn once from strokes, at their places: turned, mirrored, coloured."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from typing import Final

import numpy as np
import numpy.typing as npt

from consumers.handlers.tiles.errors import StyleError
from consumers.handlers.tiles.ink import Ink
from consumers.handlers.tiles.strokes import Strokes, draw_strokes
from consumers.handlers.tiles.weights import Float64s
from consumers.handlers.tiles.winds import Winds

#: Places are rounded to so many parts of a pixel before glyphs are put there.
_PARTS: Final = 256


@dataclass(frozen=True, slots=True)
class SpeedColours:
    """Colours of glyphs: each of `steps` is a speed in m/s and the colour from there on.

    Raises:
        StyleError: the speeds do not rise from 0.
    """

    steps: tuple[tuple[float, str], ...]

    def __post_init__(self) -> None:
        speeds = [speed for speed, _ in self.steps]
        rising = all(one < other for one, other in pairwise(speeds))
        if not (speeds and speeds[0] == 0 and rising and isfinite(speeds[-1])):
            raise StyleError(f"the colours of winds need speeds that rise from 0, got {speeds}")

    def groups(self, speeds: Float64s) -> list[tuple[str, npt.NDArray[np.bool_]]]:
        """The colours, each with which of *speeds* have it. A limit belongs to the upper one."""
        limits = [speed for speed, _ in self.steps]
        which = np.digitize(speeds, limits) - 1
        return [(colour, which == number) for number, (_, colour) in enumerate(self.steps)]


#: One colour at every speed.
DARK: Final = SpeedColours(((0.0, "#202020"),))


@dataclass(frozen=True, slots=True)
class Halo:
    """A rim around glyphs that lets them stand out."""

    colour: str = "#ffffffa0"
    width_px: float = 1.2


def put(
    winds: Winds,
    kinds: npt.NDArray[np.int64],
    template: Callable[[int], Strokes],
    *,
    mirrored: npt.NDArray[np.bool_] | None = None,
) -> tuple[Strokes, npt.NDArray[np.intp]]:
    """Strokes of all glyphs, and for each stroke which of *winds* it belongs to.

    `template(kind)` is a glyph whose first axis points to where the air moves, and whose
    second lies to the right of it. *mirrored* ones have it to the left.
    """
    shapes, which = np.unique(kinds, return_inverse=True)
    templates = [template(int(kind)) for kind in shapes]
    counts = np.array([len(each) for each in templates], dtype=np.intp)
    starts = np.cumsum(counts) - counts
    owners = np.repeat(np.arange(len(winds)), counts[which])
    # The number of each stroke in its own glyph leads to its template.
    glyph_starts = np.cumsum(counts[which]) - counts[which]
    number = np.arange(len(owners)) - glyph_starts[owners]
    bank = np.concatenate([np.empty((0, 4)), *templates]).reshape(-1, 2, 2)
    ends = bank[starts[which][owners] + number]
    # A wind without a direction blows to the right.
    ahead = np.where(winds.flow.any(axis=1)[:, None], winds.flow, (1.0, 0.0))
    aside = np.stack((-ahead[:, 1], ahead[:, 0]), axis=1)
    if mirrored is not None:
        aside[mirrored] *= -1
    ways = ends[..., :1] * ahead[owners, None] + ends[..., 1:] * aside[owners, None]
    middles = np.rint(winds.middles_px * _PARTS)
    placed = (middles[owners, None] + np.rint(ways * _PARTS)) / _PARTS
    return placed.reshape(-1, 4), owners


def inked(
    strokes: Strokes,
    owners: npt.NDArray[np.intp],
    groups: Sequence[tuple[str, npt.NDArray[np.bool_]]],
    width_px: float,
    halo: Halo | None,
    shape: tuple[int, int],
) -> tuple[Ink, ...]:
    """The glyphs as inks: first the halos of all, then a colour after the other."""
    inks = [
        Ink(draw_strokes(strokes[of_colour[owners]], width_px, shape), colour)
        for colour, of_colour in groups
        if of_colour.any()
    ]
    if halo is not None:
        wide = width_px + 2 * halo.width_px
        inks.insert(0, Ink(draw_strokes(strokes, wide, shape), halo.colour))
    return tuple(inks)


def filled(
    corner: tuple[float, float], one: tuple[float, float], other: tuple[float, float], every: float
) -> Strokes:
    """A triangle as a fan of strokes from *corner* to the side between *one* and *other*."""
    side = np.subtract(other, one)
    count = max(2, int(np.hypot(*side) / every) + 2)
    ends = np.asarray(one) + np.linspace(0.0, 1.0, count)[:, None] * side
    return np.hstack((np.broadcast_to(corner, ends.shape), ends))
