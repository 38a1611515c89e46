"""From pixels to the bytes of a picture, in the format that a job asks for.

`png` is a PNG with a palette where the picture has one, else one with four bytes a pixel;
`png32` is always the latter. `webp` is lossless: a reader finds the same colours, in 25 %
fewer bytes and ten times the time. `jpeg` knows no opacity, so that it lies on a background.
"""

from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import Final, Literal

import numpy as np
from PIL import Image

from consumers.handlers.tiles.colour import rgba
from consumers.handlers.tiles.png import (
    Indices,
    Palette,
    Rgba,
    encode_one_colour,
    encode_png8,
    encode_png32,
)

Format = Literal["png", "png32", "webp", "jpeg"]

#: What lies below a picture in a format without opacity.
BACKGROUND: Final = "#ffffff"

#: The most colours of a palette.
COLOURS_MAX: Final = 256

#: Of a picture with more than this share of filled pixels nobody counts the colours.
_FILLED_MAX: Final = 0.1

JPEG_QUALITY: Final = 85
#: 2.5 ms for 5.7 kB on temperature tiles; Pillow's default takes 6.8 ms for 5.0 kB.
_WEBP_METHOD: Final = 1
_WEBP_EFFORT: Final = 20

_OPAQUE: Final = 255


@dataclass(frozen=True, slots=True, eq=False)
class Indexed:
    """A picture with a palette: the pixel (y, x) has the colour `palette[indices[y, x]]`."""

    indices: Indices
    palette: Palette

    def pixels(self) -> Rgba:
        """Its colours, uint8[height, width, 4]."""
        # Four bytes at a time: a quarter of the time of rows of four.
        packed = np.ascontiguousarray(self.palette).view(np.uint32)[:, 0]
        pixels: Rgba = packed.take(self.indices)[..., None].view(np.uint8)
        return pixels


def encode(picture: Indexed, to: Format) -> bytes:
    """*picture* in the format *to*. Equal pictures give equal bytes."""
    first = picture.indices[0, 0]
    if (picture.indices == first).all():
        height_px, width_px = picture.indices.shape
        return encode_plain(width_px, height_px, picture.palette[first].tobytes(), to)
    if to == "png":
        return encode_png8(picture.indices, picture.palette)
    return encode_pixels(picture.pixels(), to)


def encode_pixels(pixels: Rgba, to: Format, *, changing: bool = False) -> bytes:
    """The same for a picture without a palette; *changing*: see `encode_png32`.

    A `png` gets a palette where most of it is empty and the rest has few colours, as signs
    and lines of one colour have.
    """
    if to == "png" and not changing and (few := _of_few_colours(pixels)) is not None:
        return encode(few, to)
    if to in {"png", "png32"}:
        return encode_png32(pixels, changing=changing)
    with BytesIO() as file:
        if to == "webp":
            Image.fromarray(pixels).save(
                file, "WEBP", lossless=True, method=_WEBP_METHOD, quality=_WEBP_EFFORT, exact=True
            )
        else:
            Image.fromarray(flattened(pixels)).save(file, "JPEG", quality=JPEG_QUALITY)
        return file.getvalue()


def _of_few_colours(pixels: Rgba) -> Indexed | None:
    """*pixels* with a palette; None where they are not mostly empty or have many colours."""
    packed = np.ascontiguousarray(pixels).view(np.uint32)[..., 0]
    filled = np.flatnonzero(packed)
    if filled.size > packed.size * _FILLED_MAX:
        return None
    colours, numbers = np.unique(packed.reshape(-1)[filled], return_inverse=True)
    if len(colours) >= COLOURS_MAX:
        return None
    indices = np.zeros(packed.size, dtype=np.uint8)
    indices[filled] = numbers + 1
    palette = np.concatenate((np.zeros(1, np.uint32), colours))[:, None].view(np.uint8)
    return Indexed(indices.reshape(packed.shape), palette)


@lru_cache(maxsize=1024)
def encode_plain(width_px: int, height_px: int, colour: bytes, to: Format) -> bytes:
    """A picture of one *colour*: red, green, blue, opacity. Remembered."""
    if to == "png":
        return encode_one_colour(width_px, height_px, colour)
    pixels = np.frombuffer(colour, dtype=np.uint8)
    return encode_pixels(np.broadcast_to(pixels, (height_px, width_px, 4)).copy(), to)


def flattened(pixels: Rgba, background: str = BACKGROUND) -> Rgba:
    """*pixels* on an opaque *background*: uint8[height, width, 3]."""
    if (pixels[..., 3] == _OPAQUE).all():
        return np.ascontiguousarray(pixels[..., :3])
    share = pixels[..., 3:].astype(np.float32) / _OPAQUE
    mixed = pixels[..., :3] * share + rgba(background)[:3] * (1 - share)
    flat: Rgba = np.rint(mixed).astype(np.uint8)
    return flat
