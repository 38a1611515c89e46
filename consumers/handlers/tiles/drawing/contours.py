"""Contour lines, with numbers on them, as inks to paint over a picture.

A line is drawn from the field around the picture, not only under it, so that it goes on
in the next one:

    target = with_margin(picture, contours.margin_px)   # sample the values there
    first_px = tuple(axis.first for axis in target.axes())
    inks = contours.draw(values, first_px)

What is guaranteed: a picture is drawn in cells of `cell_px` pixels that stand on the world
(see `cells`), each from the field in it and the margin around it. So pictures of whole
cells agree byte for byte: four tiles of 256 are one of 512 that is drawn at the same
scale, and a metatile may be cut. Where cells meet, lines meet, because both sides see the
same field; labels end before. Pictures that cut cells show the same lines, and labels that
fit into what they show of a cell.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Final

import numpy as np

from consumers.handlers.tiles.drawing.cells import Cell, cells
from consumers.handlers.tiles.drawing.coverage import Coverage
from consumers.handlers.tiles.drawing.ink import Ink
from consumers.handlers.tiles.drawing.isolines import STEP_PX, Isoline, isolines
from consumers.handlers.tiles.drawing.levels import Levels
from consumers.handlers.tiles.drawing.linelabels import Labels, draw_labels, place_labels
from consumers.handlers.tiles.drawing.strokes import Strokes, draw_strokes, path
from consumers.handlers.tiles.weights import Float32s

#: A usual tile.
CELL_PX: Final = 256


@dataclass(frozen=True, slots=True)
class Line:
    """How a line looks."""

    colour: str = "#303030"
    width_px: float = 1.0


@dataclass(frozen=True, slots=True)
class Contours:
    """How contour lines look, in pixels of a picture at scale 1 (see `scaled`)."""

    levels: Levels
    minor: Line = Line()
    major: Line = Line(width_px=1.8)
    labels: Labels | None = field(default_factory=Labels)
    step_px: int = STEP_PX
    cell_px: int = CELL_PX

    def scaled(self, scale: int) -> "Contours":
        """The same look where every pixel is *scale* times as fine."""
        return replace(
            self,
            minor=replace(self.minor, width_px=self.minor.width_px * scale),
            major=replace(self.major, width_px=self.major.width_px * scale),
            labels=self.labels and self.labels.scaled(scale),
            step_px=self.step_px * scale,
            cell_px=self.cell_px * scale,
        )

    @property
    def margin_px(self) -> int:
        """How far beyond the picture the field must be known."""
        widest = max(self.minor.width_px, self.major.width_px, 1.0)
        return ceil(widest / 2 + 1) + self.step_px

    def draw(self, values: Float32s, first_px: tuple[int, int]) -> tuple[Ink, ...]:
        """The inks, the lowest first, of a picture of *values* without its margins.

        *values* is float32[height, width] with `margin_px` more pixels on each side, NaN
        where it is missing; *first_px* are the numbers of its first pixel, in the margin,
        along x and y in the world.

        Raises:
            StyleError: the levels are too many for the range of the values.
        """
        margin = self.margin_px
        shape = values.shape[0] - 2 * margin, values.shape[1] - 2 * margin
        inside = first_px[0] + margin, first_px[1] + margin
        drawn = [
            (cell, self._draw_cell(values, first_px, cell))
            for cell in cells(inside, shape, self.cell_px)
        ]
        if len(drawn) == 1:
            return drawn[0][1]
        return tuple(
            Ink(_joined([(cell, inks[layer].coverage) for cell, inks in drawn], shape), ink.colour)
            for layer, ink in enumerate(drawn[0][1])
        )

    def _draw_cell(
        self, values: Float32s, first_px: tuple[int, int], cell: Cell
    ) -> tuple[Ink, ...]:
        margin = self.margin_px
        window = values[
            cell.rows.start : cell.rows.stop + 2 * margin,
            cell.cols.start : cell.cols.stop + 2 * margin,
        ]
        corner = first_px[0] + cell.cols.start, first_px[1] + cell.rows.start
        minors, majors = self._lines(window, corner)
        coverages = [
            draw_strokes(_strokes(lines), line.width_px, cell.shape)
            for lines, line in ((minors, self.minor), (majors, self.major))
        ]
        inks = tuple(
            Ink(coverage, line.colour)
            for coverage, line in zip(coverages, (self.minor, self.major), strict=True)
        )
        if self.labels is None:
            return inks
        labelled = majors if self.labels.majors_only else majors + minors
        labels = place_labels(labelled, self.labels, cell.shape)
        return inks + draw_labels(labels, self.labels, coverages, cell.shape)

    def _lines(
        self, window: Float32s, corner: tuple[int, int]
    ) -> tuple[list[Isoline], list[Isoline]]:
        """The minor and the major lines of a cell, counted from its first pixel's corner."""
        low, high = np.fmin.reduce(window, axis=None), np.fmax.reduce(window, axis=None)
        if not np.isfinite(high - low):
            return [], []
        lines: dict[bool, list[Isoline]] = {False: [], True: []}
        is_major = dict(self.levels.between(float(low), float(high)))
        for level, points in isolines(window, corner, is_major, self.step_px):
            lines[is_major[level]].append(Isoline(level, points - self.margin_px))
        return lines[False], lines[True]


def _strokes(lines: Sequence[Isoline]) -> Strokes:
    return np.concatenate([np.empty((0, 2, 2)), *(path(line.points) for line in lines)])


def _joined(parts: Sequence[tuple[Cell, Coverage]], shape: tuple[int, int]) -> Coverage:
    whole = np.empty(shape, dtype=np.uint8)
    for cell, coverage in parts:
        whole[cell.rows, cell.cols] = coverage
    return whole
