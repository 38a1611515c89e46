"""From a style's document to the tables that it is drawn with.

The values are cut into bands, and each band has a colour: the numbers of the bands are the
pixels of the picture, and no colour is ever computed for a pixel. A gradient has as many
bands as a palette can hold, of one width where no step between two of them can be seen, and
of one number between each two stops where it could.

The range of a style is absolute, or, for a *relative* one, that of the layer's run; it never
follows the values of one tile, because neighbouring tiles would not match.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from consumers.handlers.tiles.bands import THRESHOLDS_MAX, Bands, Division, Float32s, Indices
from consumers.handlers.tiles.colour import between, rgba
from consumers.handlers.tiles.errors import StyleError
from consumers.handlers.tiles.evenbands import EvenBands
from consumers.handlers.tiles.styles.document import TRANSPARENT, Coloured, Discrete, Gradient
from consumers.handlers.tiles.styles.palettes import at_shares, named_palette

Float64s = npt.NDArray[np.float64]
Palette = npt.NDArray[np.uint8]
ValueRange = tuple[float, float]

#: The largest difference of a byte between the colours of two bands that nobody sees.
STEP_MAX: Final = 12

#: The narrowest range of a relative style, as a share of its largest value: 254 bands in
#: less could not be told apart in float32.
RANGE_SHARE_MIN: Final = 1e-3
#: And where all values are 0.
RANGE_MIN: Final = 1e-9

#: Bands between the first and the last threshold.
_BANDS: Final = THRESHOLDS_MAX - 1


@dataclass(frozen=True, slots=True, eq=False)
class Colouring:
    """Bands of values and their colours.

    Attributes:
        bands: where each band begins, in the units of the grid.
        palette: colours of the indices, uint8[n, 4]: missing, below the first threshold,
            the bands, from the last threshold on.
    """

    bands: Division
    palette: Palette

    def indices(self, values: Float32s) -> Indices:
        """The colour of every value, as an index into `palette`; 0 where it is NaN."""
        return self.bands.indices(values)

    def colours(self, values: Float64s) -> Palette:
        """The colours of *values*, which are in the units of the grid: uint8[n, 4]."""
        colours: Palette = self.palette[self.indices(values.astype(np.float32))]
        return colours


def colouring_of(document: Coloured, value_range: ValueRange | None) -> Colouring:
    """The tables of *document* for a layer whose run has values in *value_range*.

    Only relative styles look at the range, which is in the units of the grid.

    Raises:
        StyleError: the style is relative and the range unknown, or its thresholds cannot be
            told apart in float32.
    """
    if isinstance(document, Discrete):
        return _discrete(document)
    assert isinstance(document, Gradient)  # noqa: S101 - there are two
    return _gradient(document, value_range)


def gradient_ends(document: Coloured, value_range: ValueRange | None) -> Float64s:
    """The values of the stops in the units of the style; of a palette, the two ends."""
    if document.is_relative:
        low, high = (document.transform.transform.shown(end) for end in _spread(value_range))
        shares = np.array([stop.value for stop in document.stops] or [0.0, 1.0])
        ends: Float64s = low + (high - low) * shares
        return ends
    return np.array([stop.value for stop in document.stops] or document.range, dtype=np.float64)


def _spread(value_range: ValueRange | None) -> ValueRange:
    if value_range is None or not np.all(np.isfinite(value_range)):
        raise StyleError(
            'a style with the range "layer" needs the range of the layer\'s values, which is '
            "unknown: ingest the layer again, or ask for another style"
        )
    low, high = value_range
    narrowest = max(RANGE_MIN, RANGE_SHARE_MIN * max(abs(low), abs(high)))
    spread = max(high - low, narrowest)
    start = (low + high - spread) / 2
    return start, start + spread


def _discrete(document: Discrete) -> Colouring:
    shown = np.array(document.thresholds(), dtype=np.float64)
    if document.stops:
        colours = [rgba(stop.colour) for stop in document.stops]
    else:
        # The colour of a band is that at its place among the bands, the ends included.
        shares = np.linspace(0, 1, len(shown) - 1) if len(shown) > 2 else np.array([0.5])  # noqa: PLR2004 - one band
        colours = list(at_shares(_palette_of(document), shares))
        colours.append(rgba(document.over) if document.over else colours[-1])
    rows = [rgba(document.missing), rgba(document.under or TRANSPARENT), *colours]
    return Colouring(Bands(_stored(document, shown)), np.array(rows, dtype=np.uint8))


def _gradient(document: Gradient, value_range: ValueRange | None) -> Colouring:
    ends = gradient_ends(document, value_range)
    is_log = document.scale == "log"
    space = np.geomspace if is_log else np.linspace
    whole = space(ends[0], ends[-1], _BANDS + 1)
    colours = _colours(document, ends, _middles(whole, is_log=is_log))
    per_stop = _BANDS // (len(ends) - 1)
    if len(ends) > 2 and _largest_step(colours) > STEP_MAX:  # noqa: PLR2004 - more than the two ends
        parts = [space(one, other, per_stop + 1)[:-1] for one, other in pairwise(ends)]
        whole = np.append(np.concatenate(parts), ends[-1])
        colours = _colours(document, ends, _middles(whole, is_log=is_log))
        bands: Division = Bands(_stored(document, whole))
    else:
        bands = _even(document, whole)
    under, over = _beyond(document)
    return Colouring(bands, np.vstack((rgba(document.missing), under, colours, over)))


def _even(document: Gradient, whole: Float64s) -> Division:
    """The bands between *whole*, which are as wide as each other or, in a log scale, not."""
    stored = _stored(document, whole)
    if document.scale == "linear":
        try:
            even = EvenBands(float(stored[0]), float(stored[-1]), len(whole) - 1)
        except StyleError:
            return Bands(stored)
        starts = document.under is None or even.thresholds[0] == stored[0]
        ends = document.over is None or even.thresholds[-1] == stored[-1]
        if starts and ends:
            return even
    return Bands(stored)


def _beyond(document: Gradient) -> tuple[Palette, Palette]:
    """The colours below the range and from its end on: those of the ends, if none are given."""
    if document.stops:
        first, last = (rgba(document.stops[end].colour) for end in (0, -1))
    else:
        first, last = at_shares(_palette_of(document), np.array([0.0, 1.0]))
    under = rgba(document.under) if document.under else first
    return under, rgba(document.over) if document.over else last


def _colours(document: Gradient, ends: Float64s, shown: Float64s) -> Palette:
    """The colours at *shown*, rising values between the first and the last of *ends*."""
    if document.scale == "log":
        ends, shown = np.log(ends), np.log(shown)
    if not document.stops:
        return at_shares(_palette_of(document), (shown - ends[0]) / (ends[-1] - ends[0]))
    colours = [rgba(stop.colour) for stop in document.stops]
    after = np.clip(np.searchsorted(ends, shown, side="right"), 1, len(ends) - 1)
    rows = [
        between(
            colours[i - 1], colours[i], (shown[after == i] - ends[i - 1]) / (ends[i] - ends[i - 1])
        )
        for i in range(1, len(ends))
    ]
    return np.concatenate(rows)


def _palette_of(document: Coloured) -> Palette:
    if document.palette:
        return named_palette(document.palette)
    colours = [rgba(colour) for colour in document.colours]
    shares = np.linspace(0, 1, 1 + 1024 // (len(colours) - 1))
    return np.concatenate([between(one, other, shares) for one, other in pairwise(colours)])


def _middles(edges: Float64s, *, is_log: bool) -> Float64s:
    middles: Float64s = np.sqrt(edges[:-1] * edges[1:]) if is_log else (edges[:-1] + edges[1:]) / 2
    return middles


def _stored(document: Coloured, shown: Float64s) -> Float32s:
    return document.transform.transform.stored_all(shown).astype(np.float32)


def _largest_step(colours: Palette) -> int:
    return int(np.abs(np.diff(colours.astype(np.int16), axis=0)).max())
