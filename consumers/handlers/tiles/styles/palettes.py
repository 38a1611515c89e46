"""Palettes by name: those of matplotlib, cmocean, ColorBrewer, Crameri and others.

They come with the package `cmap` (BSD-3-Clause); `cmap.Colormap(name).info` says under which
licence a single one stands. Names are those of its catalog, such as `viridis`,
`cmocean:thermal` or `crameri:batlow`; `_r` behind one turns it round.
"""

from difflib import get_close_matches
from functools import lru_cache
from importlib import import_module
from typing import Final

import numpy as np
import numpy.typing as npt

Float64s = npt.NDArray[np.float64]
Palette = npt.NDArray[np.uint8]

#: How finely a palette is looked at: more colours than a picture with a palette can have.
SAMPLES: Final = 1024

#: How many near names a message lists.
_LISTED_MAX: Final = 3


@lru_cache(maxsize=64)
def named_palette(name: str) -> Palette:
    """The palette *name*, uint8[`SAMPLES`, 4], from its first colour to its last.

    Raises:
        ValueError: there is none of that name; the message has the nearest ones.
    """
    cmap = import_module("cmap")  # Only here: most styles name their colours themselves.
    try:
        palette = cmap.Colormap(name)
    except (ValueError, KeyError, TypeError):
        known = [str(each) for each in cmap.Catalog().short_keys()]
        close = get_close_matches(name, known, n=_LISTED_MAX)
        hint = f"did you mean {' or '.join(close)}?" if close else "such as viridis or turbo"
        raise ValueError(f"there is no palette '{name[:80]}': {hint}") from None
    colours: Palette = np.rint(palette(np.linspace(0, 1, SAMPLES)) * 255).astype(np.uint8)
    colours.flags.writeable = False
    return colours


def at_shares(palette: Palette, shares: Float64s) -> Palette:
    """The colours at *shares* 0 .. 1 of the way along *palette*."""
    last = len(palette) - 1
    colours: Palette = palette[np.rint(np.clip(shares, 0, 1) * last).astype(np.intp)]
    return colours
