"""From the cells under a tile to its picture. Pure: no file, no network, no clock."""

import numpy as np

from consumers.handlers.tiles.encoding import Format, Indexed, encode, encode_plain
from consumers.handlers.tiles.png import Indices
from consumers.handlers.tiles.sample import Resampling, sample
from consumers.handlers.tiles.styles.colouring import Colouring
from consumers.handlers.tiles.weights import Float32s, Mapping, strips

_TRANSPARENT = bytes(4)


def render(
    values: Float32s,
    mapping: Mapping,
    style: Colouring,
    how: Resampling = Resampling.BILINEAR,
    to: Format = "png",
) -> bytes:
    """The picture of *values*: the cells of `mapping.window`, NaN where missing.

    Raises:
        ValueError: *values* has another shape than the window.
    """
    return encode(Indexed(colour_indices(values, mapping, style, how), style.palette), to)


def colour_indices(
    values: Float32s, mapping: Mapping, style: Colouring, how: Resampling = Resampling.BILINEAR
) -> Indices:
    """The picture as indices into the style's palette, uint8[height, width].

    Raises:
        ValueError: as for `render`.
    """
    indices = np.empty(mapping.shape, dtype=np.uint8)
    for part in strips(mapping.shape):
        indices[part] = style.indices(sample(values, mapping.strip(part), how))
    return indices


def blank(width_px: int, height_px: int, to: Format = "png") -> bytes:
    """The picture of a tile that no grid covers: transparent."""
    return encode_plain(width_px, height_px, _TRANSPARENT, to)
