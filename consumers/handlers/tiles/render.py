"""From the cells under a tile to its picture. Pure: no file, no network, no clock."""

import numpy as np

from consumers.handlers.tiles.mapping import Mapping
from consumers.handlers.tiles.png import encode_one_colour, encode_png8
from consumers.handlers.tiles.sample import bilinear
from consumers.handlers.tiles.style import Style
from consumers.handlers.tiles.weights import Float32s, strips

_TRANSPARENT = bytes(4)


def render(values: Float32s, mapping: Mapping, style: Style) -> bytes:
    """The picture, as PNG, of *values*: the cells of `mapping.window`, NaN where missing.

    Raises:
        ValueError: *values* has another shape than the window.
        StyleError: the style is relative and was not given a range.
    """
    indices = np.empty(mapping.shape, dtype=np.uint8)
    for part in strips(len(indices)):
        indices[part] = style.indices(bilinear(values, mapping.strip(part)))
    first = indices[0, 0]
    if (indices == first).all():
        height_px, width_px = indices.shape
        return encode_one_colour(width_px, height_px, style.palette[first].tobytes())
    return encode_png8(indices, style.palette)


def blank(width_px: int, height_px: int) -> bytes:
    """The picture of a tile that no grid covers: transparent."""
    return encode_one_colour(width_px, height_px, _TRANSPARENT)
