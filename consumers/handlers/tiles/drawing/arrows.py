"""Arrows to where the wind blows, longer and in another colour the faster it is."""

from dataclasses import dataclass, replace
from functools import lru_cache
from math import isfinite
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
from consumers.handlers.tiles.drawing.winds import Winds
from consumers.handlers.tiles.errors import StyleError

#: Lengths between nothing and the longest; two next to each other cannot be told apart.
_LENGTHS: Final = 32

#: Shares of the longest arrow: the length of its head and half its width. Short arrows
#: have smaller heads, down to this share of the full size.
_HEAD: Final = 0.34
_HALF_WIDTH: Final = 0.15
_HEAD_MIN: Final = 0.6


@dataclass(frozen=True, slots=True)
class Arrows:
    """How arrows look, in pixels of a picture at scale 1 (see `scaled`).

    An arrow's middle is at its place.

    Attributes:
        spacing_px: the distance of two arrows, to 3 % (see `glyphlattice`).
        shortest_px, longest_px: of a wind that hardly moves, and of one of `full_m_per_s`
            and more; equal ones make all arrows the same.
        calm_m_per_s: slower winds are a dot.

    Raises:
        StyleError: the lengths or speeds do not rise.
    """

    spacing_px: float = 32.0
    shortest_px: float = 8.0
    longest_px: float = 28.0
    full_m_per_s: float = 25.0
    calm_m_per_s: float = 0.5
    width_px: float = 1.4
    colours: SpeedColours = DARK
    halo: Halo | None = None

    def __post_init__(self) -> None:
        if not (
            0 < self.shortest_px <= self.longest_px
            and 0 <= self.calm_m_per_s < self.full_m_per_s
            and isfinite(self.full_m_per_s)
        ):
            raise StyleError(
                "arrows need lengths and speeds that rise, got "
                f"{self.shortest_px} .. {self.longest_px} px for "
                f"{self.calm_m_per_s} .. {self.full_m_per_s} m/s"
            )

    def scaled(self, scale: int) -> "Arrows":
        """The same look where every pixel is *scale* times as fine."""
        return replace(
            self,
            spacing_px=self.spacing_px * scale,
            shortest_px=self.shortest_px * scale,
            longest_px=self.longest_px * scale,
            width_px=self.width_px * scale,
            halo=self.halo and replace(self.halo, width_px=self.halo.width_px * scale),
        )

    @property
    def reach_px(self) -> float:
        """How far an arrow extends from its place at most."""
        return self.longest_px / 2 + self._look.rim_px

    @property
    def _look(self) -> Look:
        return Look(self.width_px, self.colours, self.halo)

    def draw(self, winds: Winds, shape: tuple[int, int]) -> tuple[Ink, ...]:
        """The inks, the lowest first, of a picture of *shape* (height, width)."""
        share = np.minimum(winds.speeds / self.full_m_per_s, 1.0)
        kinds = 1 + np.rint(share * _LENGTHS).astype(np.int64)
        kinds[winds.speeds < self.calm_m_per_s] = 0
        return draw_glyphs(winds, kinds, self._arrow, self._look, shape)

    def _arrow(self, kind: int) -> Glyph:
        if not kind:
            return Glyph(np.zeros((1, 2, 2)), np.empty((0, 3, 2)))
        share = (kind - 1) / _LENGTHS
        length = self.shortest_px + share * (self.longest_px - self.shortest_px)
        size = self.longest_px * (_HEAD_MIN + (1 - _HEAD_MIN) * share)
        return _arrow(length, min(size, length / _HEAD))


@lru_cache(maxsize=512)
def _arrow(length: float, size: float) -> Glyph:
    """An arrow of that length; *size* is the length that its head fits."""
    tip, neck, half = length / 2, length / 2 - _HEAD * size, _HALF_WIDTH * size
    return Glyph(
        np.array([((-tip, 0.0), (neck, 0.0))]),
        np.array([((tip, 0.0), (neck, -half), (neck, half))]),
    )
