"""Colours: as people write them, and in OKLab, where distances are as people see them."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Red, green and blue, 0 to 255.
Rgb = tuple[int, int, int]

# From linear sRGB to the responses of the eye's cones, and from their cube roots to OKLab:
# https://bottosson.github.io/posts/oklab/
_TO_CONES: Final = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_OKLAB: Final = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def hexadecimal(colour: Rgb) -> str:
    """*colour* as CSS writes it: `#RRGGBB`, upper case."""
    red, green, blue = colour
    return f"#{red:02X}{green:02X}{blue:02X}"


def linear(srgb: Any) -> Floats:
    """Light as it adds up, 0 to 1, from sRGB values of 0 to 255 (IEC 61966-2-1)."""
    part = np.asarray(srgb, dtype=np.float64) / 255
    return np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)  # noqa: PLR2004 - the standard's number


def oklab(srgb: Any) -> Floats:
    """Lightness 0 to 1, and two axes of colour, of sRGB values 0 to 255 in the last dimension."""
    cones = np.cbrt(linear(srgb) @ _TO_CONES.T)
    lab: Floats = cones @ _TO_OKLAB.T
    return lab


def chroma(lab: Floats) -> Floats:
    """How far colours in OKLab are from grey: 0 for greys, up to 0.32 for pure magenta."""
    found: Floats = np.hypot(lab[..., 1], lab[..., 2])
    return found
