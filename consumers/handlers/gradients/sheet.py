"""A contact sheet: pictures beside what was made of them, for people to judge."""

import base64
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image, ImageColor, ImageDraw, ImageFont

from consumers.handlers.gradients.decode import decode
from consumers.handlers.gradients.errors import GradientError
from consumers.handlers.gradients.gradient import Gradient, gradient_of

_CELL_PX: Final = 200
_GAP_PX: Final = 12
_TEXT_PX: Final = 34
_SWATCH_PX: Final = 60
_PAPER: Final = "#F4F4F4"
_INK: Final = "#202020"

#: More rows make a picture that no viewer opens.
ROWS_MAX: Final = 60


@dataclass(frozen=True, slots=True)
class Row:
    """One file: its picture and gradient, or why there are none."""

    name: str
    picture: Image.Image | None
    gradient: Gradient | None
    problem: str = ""


def row_of(file: Path) -> Row:
    """What is made of *file*."""
    data = file.read_bytes()
    try:
        return Row(file.name, decode(data).picture, gradient_of(data))
    except GradientError as error:
        return Row(file.name, None, None, str(error))


def sheet(rows: Iterable[Row]) -> Image.Image:
    """The rows below each other: picture, palette, placeholder as a page shows it, gradient."""
    shown = list(rows)[:ROWS_MAX]
    width = 4 * _CELL_PX + 5 * _GAP_PX
    height = len(shown) * (_CELL_PX + _TEXT_PX + _GAP_PX) + _GAP_PX
    paper = Image.new("RGB", (width, height), _PAPER)
    for number, row in enumerate(shown):
        _draw(paper, row, _GAP_PX + number * (_CELL_PX + _TEXT_PX + _GAP_PX))
    return paper


def _draw(paper: Image.Image, row: Row, top: int) -> None:
    pen = ImageDraw.Draw(paper)
    font = ImageFont.load_default(13)
    left = [_GAP_PX + column * (_CELL_PX + _GAP_PX) for column in range(4)]
    if row.picture is None or row.gradient is None:
        pen.text((left[0], top), f"{row.name}: {row.problem}"[:110], _INK, font)
        return
    gradient = row.gradient
    says = f"{row.name}   {' '.join(gradient.palette)}   text {gradient.contrast:.1f}:1"
    pen.text((left[0], top + _CELL_PX + 6), says, _INK, font)
    thumbnail = row.picture.copy()
    thumbnail.thumbnail((_CELL_PX, _CELL_PX))
    paper.paste(thumbnail, (left[0], top), thumbnail if thumbnail.mode == "RGBA" else None)
    _draw_palette(pen, gradient, left[1], top)
    paper.paste(_placeholder(gradient, thumbnail.size), (left[2], top))
    paper.paste(_ramp(gradient), (left[3], top))
    pen.text(
        (left[3] + 20, top + 80), "Foreground", gradient.foreground, ImageFont.load_default(26)
    )


def _draw_palette(pen: ImageDraw.ImageDraw, gradient: Gradient, left: int, top: int) -> None:
    """The primary above, as large as it is meant to be seen, and the others below it."""
    pen.rectangle((left, top, left + _CELL_PX - 1, top + _CELL_PX - _SWATCH_PX), gradient.primary)
    others = gradient.palette[1:]
    for number, colour in enumerate(others):
        each = _CELL_PX // len(others)
        at = left + number * each
        pen.rectangle((at, top + _CELL_PX - _SWATCH_PX, at + each - 1, top + _CELL_PX - 1), colour)


def _placeholder(gradient: Gradient, size: tuple[int, int]) -> Image.Image:
    _, _, encoded = gradient.blur_data_url.partition(",")
    small = Image.open(io.BytesIO(base64.b64decode(encoded)))
    return small.resize(size, Image.Resampling.BICUBIC)


def _ramp(gradient: Gradient) -> Image.Image:
    """The CSS gradient: at 135 degrees, from the upper left corner to the lower right."""
    down = Image.linear_gradient("L").resize((_CELL_PX, _CELL_PX))
    mask = Image.blend(down, down.transpose(Image.Transpose.TRANSPOSE), 0.5)
    start, end = (
        Image.new("RGB", mask.size, ImageColor.getrgb(colour))
        for colour in (gradient.primary, gradient.secondary)
    )
    return Image.composite(end, start, mask)
