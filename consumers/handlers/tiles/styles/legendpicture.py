"""Legends drawn as pictures.

A legend lies (colours from left to right, values below) or stands (colours from the bottom
up, values to the right). The arrow at an end is what values beyond it look like. What can
be seen through lies on a pattern of squares.
"""

from io import BytesIO
from typing import Final, Literal

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont

from consumers.handlers.tiles.drawing.barbs import Barbs
from consumers.handlers.tiles.drawing.contours import Line
from consumers.handlers.tiles.drawing.ink import Ink, paint, transparent
from consumers.handlers.tiles.drawing.strokes import draw_strokes, path
from consumers.handlers.tiles.drawing.winds import Winds
from consumers.handlers.tiles.styles.legend import Legend, Sample, Scale

Orientation = Literal["horizontal", "vertical"]

#: Length and breadth of the colours, and what is left free around everything.
LENGTH_PX: Final = 360
BREADTH_PX: Final = 16
MARGIN_PX: Final = 14

_TITLE_PX: Final = 20
_TEXT_PX: Final = 11
_TICK_PX: Final = 4
_VALUES_PX: Final = 60
_APART_PX: Final = 6
_ARROW_PX: Final = 12
_LINE_PX: Final = 16

#: A line or a sign, and what it means.
_ROW_PX: Final = 26
_SAMPLE_PX: Final = 56

_PAPER: Final = "#ffffff"
_SQUARE: Final = "#d9dfe5"
_SQUARE_PX: Final = 4
_INK: Final = "#1b2733"
_QUIET: Final = "#5d6b78"

Box = tuple[float, float, float, float]


def legend_png(legend: Legend, *, orientation: Orientation = "horizontal", scale: int = 1) -> bytes:
    """*legend* as PNG; of a composite all its parts, one below the other.

    *scale* 2 is twice as large in both directions, for screens with finer pixels.
    """
    parts = legend.parts or (legend,)
    drawn = [_Sheet(part, orientation, scale).draw() for part in parts]
    whole = Image.new(
        "RGB", (max(each.width for each in drawn), sum(each.height for each in drawn)), _PAPER
    )
    top = 0
    for each in drawn:
        whole.paste(each, (0, top))
        top += each.height
    with BytesIO() as file:
        whole.save(file, "PNG", optimize=True)
        return file.getvalue()


class _Sheet:
    """One legend on its paper."""

    def __init__(self, legend: Legend, orientation: Orientation, scale: int) -> None:
        self._legend = legend
        self._lies = orientation == "horizontal"
        self._factor = scale
        self._text = ImageFont.load_default(_TEXT_PX * scale)
        self._title = ImageFont.load_default(13 * scale)

    def draw(self) -> Image.Image:
        legend = self._legend
        self._image = Image.new("RGB", self._size(), _PAPER)
        self._pen = ImageDraw.Draw(self._image)
        at = self._px(MARGIN_PX)
        units = f", {legend.units}" if legend.units else ""
        self._pen.text((at, at), f"{legend.title}{units}", _INK, self._title)
        if legend.scale is None:
            self._samples()
        else:
            self._colours(legend.scale)
        return self._image

    def _size(self) -> tuple[int, int]:
        frame = 2 * MARGIN_PX
        if self._legend.scale is None:
            rows = _ROW_PX * len(self._legend.samples) or _LINE_PX
            size = (LENGTH_PX + frame, _TITLE_PX + rows + frame)
        elif self._lies:
            size = (LENGTH_PX + frame, _TITLE_PX + BREADTH_PX + _TICK_PX + _LINE_PX + frame)
        else:
            title_px = self._title.getlength(f"{self._legend.title}, {self._legend.units}")
            wide = max(BREADTH_PX + _VALUES_PX, title_px / self._factor)
            size = (int(wide) + frame, _TITLE_PX + LENGTH_PX + frame)
        return size[0] * self._factor, size[1] * self._factor

    def _samples(self) -> None:
        left, top = self._px(MARGIN_PX), self._px(MARGIN_PX + _TITLE_PX)
        row_px = self._px(_ROW_PX)
        for row, sample in enumerate(self._legend.samples):
            sheet = _drawn(sample, (row_px, self._px(_SAMPLE_PX)), self._factor)
            self._image.paste(sheet, (left, top + row * row_px), sheet)
            at = (left + self._px(_SAMPLE_PX + _APART_PX), top + row * row_px + row_px / 2)
            self._pen.text(at, sample.text, _INK, self._text, anchor="lm")
        if self._legend.formula:
            self._pen.text((left, top), self._legend.formula, _INK, self._text)

    def _colours(self, scale: Scale) -> None:
        """The ramp with its arrows, then the ticks."""
        left, top = self._px(MARGIN_PX), self._px(MARGIN_PX + _TITLE_PX)
        length, breadth, arrow = map(self._px, (LENGTH_PX, BREADTH_PX, _ARROW_PX))
        start = arrow if scale.under else 0
        end = length - (arrow if scale.over else 0)
        if self._lies:
            box: Box = (left + start, top, left + end, top + breadth)
        else:
            box = (left, top + length - end, left + breadth, top + length - start)
        self._paint(box, list(scale.ramp))
        self._arrow(box, scale.under, at_end=False)
        self._arrow(box, scale.over, at_end=True)
        self._ticks(scale, box)

    def _paint(self, box: Box, colours: list[str]) -> None:
        """*colours* side by side in *box*, over squares where they can be seen through."""
        left, top, right, bottom = map(round, box)
        count = right - left if self._lies else bottom - top
        indices = np.arange(count) * len(colours) // max(count, 1)
        row = np.array([ImageColor.getcolor(each, "RGBA") for each in colours], np.uint8)[indices]
        if self._lies:
            field = np.broadcast_to(row[None], (bottom - top, count, 4))
        else:
            field = np.broadcast_to(row[::-1][:, None], (count, right - left, 4))
        below = self._squares(right - left, bottom - top)
        below.alpha_composite(Image.fromarray(np.ascontiguousarray(field)))
        self._image.paste(below.convert("RGB"), (left, top))
        self._pen.rectangle((left, top, right - 1, bottom - 1), outline=_QUIET)

    def _squares(self, width: int, height: int) -> Image.Image:
        side = self._px(_SQUARE_PX)
        odd = (np.indices((height, width)) // side).sum(axis=0) % 2
        both = np.array([ImageColor.getcolor(each, "RGBA") for each in (_PAPER, _SQUARE)], np.uint8)
        return Image.fromarray(both[odd])

    def _arrow(self, box: Box, colour: str | None, *, at_end: bool) -> None:
        if colour is None:
            return
        left, top, right, bottom = box
        reach = self._px(_ARROW_PX)
        if self._lies:
            x, tip = (right, right + reach) if at_end else (left, left - reach)
            corners = [(x, top), (tip, (top + bottom) / 2), (x, bottom - 1)]
        else:
            y, tip = (top, top - reach) if at_end else (bottom, bottom + reach)
            corners = [(left, y), ((left + right) / 2, tip), (right - 1, y)]
        red, green, blue, opacity = ImageColor.getcolor(colour, "RGBA")  # type: ignore[misc]
        share = opacity / 255
        shown = tuple(round(255 + (each - 255) * share) for each in (red, green, blue))
        self._pen.polygon(corners, fill=shown, outline=_QUIET)

    def _ticks(self, scale: Scale, box: Box) -> None:
        left, top, right, bottom = box
        free_from = float("-inf")
        for tick in scale.ticks:
            if self._lies:
                x = left + tick.place * (right - 1 - left)
                self._pen.line([(x, bottom), (x, bottom + self._px(_TICK_PX))], _QUIET)
                half = self._text.getlength(tick.text) / 2
                if x - half >= free_from:
                    at = (x, bottom + self._px(_TICK_PX + 2))
                    self._pen.text(at, tick.text, _INK, self._text, anchor="ma")
                    free_from = x + half + self._px(_APART_PX)
            else:
                y = bottom - 1 - tick.place * (bottom - 1 - top)
                self._pen.line([(right, y), (right + self._px(_TICK_PX), y)], _QUIET)
                if bottom - y >= free_from:
                    at = (right + self._px(_TICK_PX + 4), y)
                    self._pen.text(at, tick.text, _INK, self._text, anchor="lm")
                    free_from = bottom - y + self._px(_TEXT_PX + 2)

    def _px(self, size: int) -> int:
        return size * self._factor


def _drawn(sample: Sample, shape: tuple[int, int], scale: int) -> Image.Image:
    """A line or a sign alone, as it is drawn on tiles."""
    height, width = shape
    canvas = transparent(shape)
    if isinstance(sample.drawn, Line):
        strokes = path(np.array([[0.0, height / 2], [width, height / 2]]))
        coverage = draw_strokes(strokes, sample.drawn.width_px * scale, shape)
        paint(canvas, [Ink(coverage, sample.drawn.colour)])
    else:
        symbols, speed = sample.drawn
        # Barbs reach out to where the wind comes from: here from the left.
        x = width * (0.7 if isinstance(symbols, Barbs) and speed > 0 else 0.5)
        wind = Winds(
            middles_px=np.array([[x, height * 0.62]]),
            flow=np.array([[1.0, 0.0]]),
            speeds=np.array([speed]),
            southern=np.array([False]),
        )
        paint(canvas, symbols.scaled(scale).draw(wind, shape))
    return Image.fromarray(canvas)
