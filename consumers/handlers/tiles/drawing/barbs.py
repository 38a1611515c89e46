"""Wind barbs: a staff to where the wind comes from, with its speed in knots on it.

A half feather is 5 knots, a full one 10, a flag 50; speeds are rounded to 5 knots, and
below 2.5 a circle stands for calm air. Feathers stand on the side of the low pressure: on
the left of the moving air north of the equator, on the right south of it.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import numpy as np

from consumers.handlers.tiles.drawing.glyphs import (
    DARK,
    Glyph,
    Halo,
    Look,
    SpeedColours,
    draw_glyphs,
)
from consumers.handlers.tiles.drawing.ink import Ink
from consumers.handlers.tiles.drawing.strokes import path
from consumers.handlers.tiles.drawing.winds import Winds
from consumers.handlers.tiles.weights import Float64s

#: 1852 m an hour.
KNOTS_PER_M_PER_S: Final = 3600 / 1852

STEP_KNOTS: Final = 5

#: Faster ones are drawn as this one: no wind on earth is, outside of tornadoes.
KNOTS_MAX: Final = 300

#: Shares of the staff: distances between feathers, their length, and how far their tips
#: lie further out than their feet; the length of a flag's foot, and the circle's radius.
_APART: Final = 0.15
_FEATHER: Final = 0.42
_LEAN: Final = 0.16
_FLAG: Final = 0.24
_CALM: Final = 0.14


@dataclass(frozen=True, slots=True)
class Barbs:
    """How barbs look, in pixels of a picture at scale 1 (see `scaled`).

    Attributes:
        spacing_px: the distance of two barbs, to 3 % (see `glyphlattice`).
        length_px: of a staff; with many flags it is longer.
    """

    spacing_px: float = 50.0
    length_px: float = 24.0
    width_px: float = 1.2
    colours: SpeedColours = DARK
    halo: Halo | None = None

    def scaled(self, scale: int) -> "Barbs":
        """The same look where every pixel is *scale* times as fine."""
        return replace(
            self,
            spacing_px=self.spacing_px * scale,
            length_px=self.length_px * scale,
            width_px=self.width_px * scale,
            halo=self.halo and replace(self.halo, width_px=self.halo.width_px * scale),
        )

    @property
    def reach_px(self) -> float:
        """How far a barb extends from its place at most."""
        return _barb(KNOTS_MAX // STEP_KNOTS, self.length_px).reach_px + self._look.rim_px

    @property
    def _look(self) -> Look:
        return Look(self.width_px, self.colours, self.halo)

    def draw(self, winds: Winds, shape: tuple[int, int]) -> tuple[Ink, ...]:
        """The inks, the lowest first, of a picture of *shape* (height, width)."""
        return draw_glyphs(
            winds,
            rounded(winds.speeds),
            lambda steps: _barb(steps, self.length_px),
            self._look,
            shape,
            mirrored=winds.southern,
        )


def rounded(speeds: Float64s) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Speeds in m/s as steps of 5 knots; a half is rounded up, so that 2.5 is no calm."""
    steps = np.floor(speeds * (KNOTS_PER_M_PER_S / STEP_KNOTS) + 0.5)
    return np.minimum(steps, KNOTS_MAX // STEP_KNOTS).astype(np.int64)


@lru_cache(maxsize=512)
def _barb(steps: int, length: float) -> Glyph:
    """The barb of so many steps of 5 knots."""
    if not steps:
        angle = np.linspace(0, 2 * np.pi, 17)
        circle = _CALM * length * np.stack((np.cos(angle), np.sin(angle)), axis=1)
        return Glyph(path(circle), np.empty((0, 3, 2)))
    flags, rest = divmod(steps, 10)
    fulls, halves = divmod(rest, 2)
    apart, foot = _APART * length, _FLAG * length
    needed = flags * (foot + apart / 2) + (fulls + halves) * apart
    at = end = max(length, needed + apart)
    side, lean = _FEATHER * length, _LEAN * length
    strokes = [((0.0, 0.0), (end, 0.0))]
    triangles = []
    for _ in range(flags):
        triangles.append(((at, 0.0), (at, side), (at - foot, 0.0)))
        at -= foot + apart / 2
    if steps == 1:
        # A single half feather stands below the end, to be told from a full one.
        at -= apart
    for share in [1.0] * fulls + [0.5] * halves:
        strokes.append(((at, 0.0), (at + lean * share, side * share)))
        at -= apart
    # So far against the wind, with feathers on the right hand: turned by half a circle.
    return Glyph(-np.array(strokes), -np.array(triangles).reshape(-1, 3, 2))
