"""From the cells under a tile to its picture. Pure: no file, no network, no clock."""

import numpy as np

from consumers.handlers.tiles.png import encode_one_colour, encode_png8
from consumers.handlers.tiles.sample import Resampling, sample
from consumers.handlers.tiles.style import Indices, Style
from consumers.handlers.tiles.weights import Float32s, Mapping, strips

_TRANSPARENT = bytes(4)


def render(
    values: Float32s, mapping: Mapping, style: Style, how: Resampling = Resampling.BILINEAR
) -> bytes:
    """The picture, as PNG, of *values*: the cells of `mapping.window`, NaN where missing.

    Raises:
        ValueError: *values* has another shape than the window.
        StyleError: the style is relative and was not given a range.
    """
    return encode(colour_indices(values, mapping, style, how), style)


def colour_indices(
    values: Float32s, mapping: Mapping, style: Style, how: Resampling = Resampling.BILINEAR
) -> Indices:
    """The picture as indices into the style's palette, uint8[height, width].

    Raises:
        ValueError, StyleError: as for `render`.
    """
    indices = np.empty(mapping.shape, dtype=np.uint8)
    for part in strips(len(indices)):
        indices[part] = style.indices(sample(values, mapping.strip(part), how))
    return indices


def encode(indices: Indices, style: Style) -> bytes:
    """The PNG of such indices."""
    first = indices[0, 0]
    if (indices == first).all():
        height_px, width_px = indices.shape
        return encode_one_colour(width_px, height_px, style.palette[first].tobytes())
    return encode_png8(indices, style.palette)


def blank(width_px: int, height_px: int) -> bytes:
    """The picture of a tile that no grid covers: transparent."""
    return encode_one_colour(width_px, height_px, _TRANSPARENT)
