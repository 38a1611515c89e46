"""Putting glyphs, drawn once from strokes, at their places: turned, mirrored, coloured."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from consumers.handlers.tiles.drawing.coverage import PARTS
from consumers.handlers.tiles.drawing.ink import Ink
from consumers.handlers.tiles.drawing.strokes import Strokes, draw_strokes
from consumers.handlers.tiles.drawing.triangles import Triangles, draw_triangles, sides
from consumers.handlers.tiles.drawing.winds import Winds
from consumers.handlers.tiles.errors import StyleError
from consumers.handlers.tiles.weights import Float64s


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
        which: npt.NDArray[np.intp] = np.searchsorted(limits, speeds, side="right") - 1
        return [(colour, which == number) for number, (_, colour) in enumerate(self.steps)]


#: One colour at every speed.
DARK: Final = SpeedColours(((0.0, "#202020"),))


@dataclass(frozen=True, slots=True)
class Halo:
    """A rim around glyphs that lets them stand out."""

    colour: str = "#ffffffa0"
    width_px: float = 1.2


class Glyph(NamedTuple):
    """What is drawn of one kind of glyph, in pixels from its middle.

    The first axis points to where the air moves, the second to the right of it.
    """

    strokes: Strokes
    triangles: Triangles

    @property
    def outline(self) -> Strokes:
        """Its strokes, and those around its triangles."""
        return np.concatenate((self.strokes, sides(self.triangles)))

    @property
    def reach_px(self) -> float:
        """How far its ends and corners are from its middle."""
        return float(np.hypot(*self.outline.reshape(-1, 2).T).max())


@dataclass(frozen=True, slots=True)
class Look:
    """Width and colours of the lines of glyphs."""

    width_px: float
    colours: SpeedColours
    halo: Halo | None

    @property
    def rim_px(self) -> float:
        """How far glyphs are drawn beyond their ends and corners."""
        return self.width_px / 2 + (self.halo.width_px if self.halo else 0.0) + 1


def draw_glyphs(
    winds: Winds,
    kinds: npt.NDArray[np.int64],
    glyph: Callable[[int], Glyph],
    look: Look,
    shape: tuple[int, int],
    *,
    mirrored: npt.NDArray[np.bool_] | None = None,
) -> tuple[Ink, ...]:
    """A glyph for each of *winds*: first the halos of all, then a colour after the other.

    `glyph(kind)` is what to draw; *mirrored* ones have their right on the left.
    """
    shapes, which = np.unique(kinds, return_inverse=True)
    glyphs = [glyph(int(kind)) for kind in shapes]
    # A wind without a direction blows to the right.
    ahead = np.where(winds.speeds[:, None] > 0, winds.flow, (1.0, 0.0))
    aside = np.stack((-ahead[:, 1], ahead[:, 0]), axis=1)
    if mirrored is not None:
        aside[mirrored] *= -1
    places = _Places(np.rint(winds.middles_px * PARTS), ahead, aside, which)
    strokes, stroke_owners = places.put([each.outline for each in glyphs])
    triangles, triangle_owners = places.put([each.triangles for each in glyphs])

    def ink(colour: str, chosen: npt.NDArray[np.bool_], width_px: float) -> Ink:
        coverage = draw_strokes(strokes[chosen[stroke_owners]], width_px, shape)
        areas = triangles[chosen[triangle_owners]]
        if len(areas):
            np.maximum(coverage, draw_triangles(areas, shape), out=coverage)
        return Ink(coverage, colour)

    inks = [
        ink(colour, chosen, look.width_px)
        for colour, chosen in look.colours.groups(winds.speeds)
        if chosen.any()
    ]
    if look.halo is not None and len(winds):
        wide_px = look.width_px + 2 * look.halo.width_px
        inks.insert(0, ink(look.halo.colour, np.ones(len(winds), dtype=np.bool_), wide_px))
    return tuple(inks)


class _Places(NamedTuple):
    """Where glyphs stand, how they are turned, and the number of the kind of each."""

    middles: Float64s
    ahead: Float64s
    aside: Float64s
    which: npt.NDArray[np.intp]

    def put(self, parts: Sequence[Float64s]) -> tuple[Float64s, npt.NDArray[np.intp]]:
        """The parts of all glyphs at their places, and the number of the glyph of each.

        *parts* are those of each kind: float64[parts, corners, 2].
        """
        counts = np.array([len(each) for each in parts], dtype=np.intp)
        starts = np.cumsum(counts) - counts
        of_glyph = counts[self.which]
        owners = np.repeat(np.arange(len(of_glyph)), of_glyph)
        number = np.arange(len(owners)) - np.repeat(np.cumsum(of_glyph) - of_glyph, of_glyph)
        corners = np.concatenate(parts)[starts[self.which][owners] + number]
        ways = corners[..., :1] * self.ahead[owners, None]
        ways += corners[..., 1:] * self.aside[owners, None]
        return (self.middles[owners, None] + np.rint(ways * PARTS)) / PARTS, owners
