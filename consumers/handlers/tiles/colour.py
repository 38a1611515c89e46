"""Colours, and what lies between two of them.

Steps between colours are taken in Oklab, where equal steps look equal; in sRGB the way
from blue to yellow leads through grey. Formulas: https://bottosson.github.io/posts/oklab/
"""

import re
from typing import Final

import numpy as np
import numpy.typing as npt

from consumers.handlers.tiles.errors import StyleError

Float64s = npt.NDArray[np.float64]
Bytes = npt.NDArray[np.uint8]

_HEX = re.compile(r"#(?:[0-9a-f]{2}){3,4}")

_TO_CONES: Final = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB: Final = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def rgba(colour: str) -> Bytes:
    """The four bytes of `#rrggbb` or `#rrggbbaa`, in small letters.

    Raises:
        StyleError: *colour* is written differently.
    """
    if _HEX.fullmatch(colour) is None:
        raise StyleError(f"a colour is written #rrggbb or #rrggbbaa, got {colour!r}")
    colour_bytes: Bytes = np.frombuffer(bytes.fromhex(colour[1:].ljust(8, "f")), dtype=np.uint8)
    return colour_bytes


def between(one: Bytes, other: Bytes, shares: Float64s) -> Bytes:
    """Colours, uint8[n, 4], at *shares* 0 .. 1 of the way from *one* to *other*.

    A colour that is fully transparent has no hue of its own: it takes the other's.
    """
    if one[3] == 0:
        one = np.append(other[:3], one[3])
    if other[3] == 0:
        other = np.append(one[:3], other[3])
    start, end = _to_oklab(one[:3]), _to_oklab(other[:3])
    way = shares[:, None]
    rgb = _from_oklab(start + way * (end - start))
    alpha = one[3] + way * (float(other[3]) - float(one[3]))
    colours: Bytes = np.rint(np.hstack((rgb, alpha))).astype(np.uint8)
    return colours


def _to_oklab(rgb: Bytes) -> Float64s:
    share = rgb / 255.0
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)  # noqa: PLR2004 - IEC 61966-2-1
    return np.asarray(_TO_LAB @ np.cbrt(_TO_CONES @ linear))


def _from_oklab(lab: Float64s) -> Float64s:
    cones = (lab @ np.linalg.inv(_TO_LAB).T) ** 3
    linear = np.clip(cones @ np.linalg.inv(_TO_CONES).T, 0.0, 1.0)
    share = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)  # noqa: PLR2004 - IEC 61966-2-1
    return share * 255.0
