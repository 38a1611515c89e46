"""The values of a field as colours, for programs that draw on their own.

    value = base + step * (red * 65536 + green * 256 + blue)

Opacity 0 means that there is no value. Values outside of what three bytes can say become
the nearest that they can. What comes back differs from what went in by at most half a step.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from consumers.handlers.tiles.png import Rgba
from consumers.handlers.tiles.weights import Float32s

Float64s = npt.NDArray[np.float64]

#: What three bytes can tell apart.
CODES: Final = 1 << 24

_OPAQUE: Final = 0xFF


def encode_values(values: Float32s, base: float, step: float) -> Rgba:
    """*values* as colours, uint8[height, width, 4]; NaN becomes transparent black."""
    missing = np.isnan(values)
    codes = (np.where(missing, np.float64(base), values.astype(np.float64)) - base) / step
    numbers = np.clip(np.rint(codes), 0, CODES - 1).astype(np.uint32)
    packed = ((numbers << 8) | _OPAQUE).astype(">u4")
    packed[missing] = 0
    pixels: Rgba = packed[..., None].view(np.uint8)
    return pixels


def decode_values(pixels: Rgba, base: float, step: float) -> Float64s:
    """The values that *pixels* stand for; NaN where they are transparent."""
    packed = np.ascontiguousarray(pixels).view(">u4")[..., 0]
    return np.where(packed & _OPAQUE, base + step * (packed >> 8), np.nan)
