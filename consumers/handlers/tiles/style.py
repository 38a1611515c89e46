"""How values become colours.

A style is a row of stops, values with colours. Between two stops the values are cut into
bands of equal width, and a band has the colour at its middle; the numbers of the bands
are the pixels of the picture, so no colour is ever computed for a pixel.

The range of a style is absolute, or, for a *relative* one, that of the layer; it never
follows the values of one tile, because neighbouring tiles would not match.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from consumers.handlers.tiles.bands import THRESHOLDS_MAX, Bands
from consumers.handlers.tiles.colour import between, rgba
from consumers.handlers.tiles.errors import StyleError
from consumers.handlers.tiles.weights import Float32s

Indices = npt.NDArray[np.uint8]
Palette = npt.NDArray[np.uint8]

#: The narrowest range of a relative style, as a share of its largest value: 254 bands in
#: less could not be told apart in float32.
RANGE_SHARE_MIN: Final = 1e-3
#: And where all values are 0.
RANGE_MIN: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Stop:
    """The colour of a value, `#rrggbb` or `#rrggbbaa`."""

    value: float
    colour: str


@dataclass(frozen=True)
class Style:
    """Stops with rising values.

    *below* and *above* are the colours under the first and from the last value on; None
    goes on with the colours of these stops. The values of a *relative* style are shares,
    0 .. 1, of the range that `over` gives it.

    Raises:
        StyleError: there are fewer than two stops, they do not rise, or a colour is
            written wrongly.
    """

    name: str
    stops: tuple[Stop, ...]
    below: str | None = None
    above: str | None = None
    relative: bool = False

    def __post_init__(self) -> None:
        values = [stop.value for stop in self.stops]
        if len(values) < 2 or values != sorted(set(values)):  # noqa: PLR2004 - a range has two ends
            raise StyleError(f"the style '{self.name}' needs two stops or more, in rising order")

    def over(self, value_range: tuple[float, float] | None) -> "Style":
        """The style for a layer with values in *value_range*; itself where it is absolute.

        Raises:
            StyleError: the style is relative and the layer's range is unknown.
        """
        if not self.relative:
            return self
        if value_range is None or not np.all(np.isfinite(value_range)):
            raise StyleError(
                f"the style '{self.name}' needs the range of the layer's values, which is "
                "unknown: ingest the layer again, or ask for another style"
            )
        low, high = value_range
        narrowest = max(RANGE_MIN, RANGE_SHARE_MIN * max(abs(low), abs(high)))
        spread = max(high - low, narrowest)
        start = (low + high - spread) / 2
        stops = tuple(Stop(start + spread * stop.value, stop.colour) for stop in self.stops)
        return replace(self, stops=stops, relative=False)

    def indices(self, values: Float32s) -> Indices:
        """The colour of every value, as an index into `palette`; 0 where it is NaN."""
        return self.bands.indices(values)

    @cached_property
    def bands(self) -> Bands:
        """The bands between the stops.

        Raises:
            StyleError: the style is relative and was not given a range.
        """
        if self.relative:
            raise StyleError(f"the style '{self.name}' has no range of its own: use `over`")
        edges = [
            np.linspace(stop.value, after.value, self._bands_per_stop, endpoint=False)
            for stop, after in pairwise(self.stops)
        ]
        return Bands(np.append(np.concatenate(edges), self.stops[-1].value).astype(np.float32))

    @cached_property
    def palette(self) -> Palette:
        """Colours of the indices, uint8[n, 4]: missing, below, the bands, above."""
        middles = (np.arange(self._bands_per_stop) + 0.5) / self._bands_per_stop
        colours = [rgba(stop.colour) for stop in self.stops]
        rows = [
            np.zeros((1, 4), dtype=np.uint8),
            rgba(self.below or self.stops[0].colour)[None, :],
            *(between(one, other, middles) for one, other in pairwise(colours)),
            rgba(self.above or self.stops[-1].colour)[None, :],
        ]
        return np.concatenate(rows)

    @property
    def _bands_per_stop(self) -> int:
        return (THRESHOLDS_MAX - 1) // (len(self.stops) - 1)
