"""From the cells under a tile to its picture. Pure: no file, no network, no clock."""

import numpy as np

from consumers.handlers.tiles.encoding import Format, Indexed, encode, encode_plain
from consumers.handlers.tiles.mapping import Mapping
from consumers.handlers.tiles.sample import bilinear
from consumers.handlers.tiles.styles.colouring import Colouring
from consumers.handlers.tiles.weights import Float32s, strips

_TRANSPARENT = bytes(4)


def render(values: Float32s, mapping: Mapping, style: Colouring, to: Format = "png") -> bytes:
    """The picture of *values*: the cells of `mapping.window`, NaN where missing.

    Raises:
        ValueError: *values* has another shape than the window.
    """
    indices = np.empty(mapping.shape, dtype=np.uint8)
    for part in strips(len(indices)):
        indices[part] = style.indices(bilinear(values, mapping.strip(part)))
    return encode(Indexed(indices, style.palette), to)


def blank(width_px: int, height_px: int, to: Format = "png") -> bytes:
    """The picture of a tile that no grid covers: transparent."""
    return encode_plain(width_px, height_px, _TRANSPARENT, to)
