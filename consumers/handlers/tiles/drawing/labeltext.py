"""Small turned text as masks of coverage."""

from functools import lru_cache
from math import ceil
from typing import Final, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from consumers.handlers.tiles.drawing.coverage import Coverage

#: Text is drawn this much larger, turned, and made smaller again: its edges stay smooth.
_LARGER: Final = 4

#: Angles are multiples of this, so that a text that comes back is found again.
ANGLE_STEP_DEG: Final = 5


class TextMask(NamedTuple):
    """Coverage by a text, by it with a rim around, and by the box that it interrupts a line in.

    All have the same even number of rows and columns.
    """

    text: Coverage
    rim: Coverage
    box: Coverage


@lru_cache(maxsize=1024)
def text_width_px(text: str, size_px: float) -> float:
    """How long *text* is along its line."""
    return _font(size_px).getlength(text) / _LARGER


@lru_cache(maxsize=1024)
def text_mask(text: str, size_px: float, angle_deg: int, rim_px: float) -> TextMask:
    """*text* in letters of *size_px*, turned counterclockwise around the middle of the mask."""
    font = _font(size_px)
    half_width, half_height = font.getlength(text) / 2, -font.getbbox("0", anchor="ls")[1] / 2
    half_px = ceil((half_width + half_height) / _LARGER + 1.5 * rim_px) + 1
    middle = half_px * _LARGER
    written, rimmed, boxed = (Image.new("L", (2 * middle, 2 * middle)) for _ in range(3))
    for image, stroke in ((written, 0.0), (rimmed, rim_px * _LARGER)):
        # Digits have no descenders: their middle is half their height above the base line.
        ImageDraw.Draw(image).text(
            (middle, middle + half_height), text, 255, font, "ms", stroke_width=stroke
        )
    beyond = 1.5 * rim_px * _LARGER
    ImageDraw.Draw(boxed).rounded_rectangle(
        (
            middle - half_width - beyond,
            middle - half_height - beyond / 2,
            middle + half_width + beyond,
            middle + half_height + beyond / 2,
        ),
        radius=beyond / 2,
        fill=255,
    )
    return TextMask(*(_turned(image, angle_deg) for image in (written, rimmed, boxed)))


def _turned(image: Image.Image, angle_deg: int) -> Coverage:
    return np.asarray(image.rotate(angle_deg, Image.Resampling.BILINEAR).reduce(_LARGER))


@lru_cache(maxsize=16)
def _font(size_px: float) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size_px * _LARGER)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise RuntimeError("labels need a Pillow with FreeType: its wheels have it")  # noqa: TRY004 - not the caller's mistake
    return font
