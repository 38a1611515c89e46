"""Bands that are as wide as each other: the number of a value's band is a product and a sum.

That takes a sixth of the time of `bands.Bands`, which can have any thresholds.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from consumers.handlers.tiles.bands import THRESHOLDS_MAX, Float32s, Indices
from consumers.handlers.tiles.errors import StyleError

#: Half of the numbers that 32 bits hold.
_HALF: Final = 1 << 31


class EvenBands:
    """*count* bands of one width between *low* and *high*, one below and one above them.

    Where a band begins is decided by float32, within a few units of the last place of the
    even division. `thresholds` are the beginnings as they are.

    Raises:
        StyleError: there are less than 1 or more than `THRESHOLDS_MAX` - 1 bands, the range
            does not rise, or float32 cannot tell its bands apart.
    """

    def __init__(self, low: float, high: float, count: int) -> None:
        self._low = np.float32(low)
        with np.errstate(all="ignore"):
            self._per_unit = np.float32(count / (high - low)) if high > low else np.float32(0)
        self._last = np.float32(count + 2)
        ideal = np.linspace(low, high, max(count, 0) + 1)
        if 1 <= count < THRESHOLDS_MAX and np.isfinite(self._per_unit) and self._per_unit > 0:
            self.thresholds = self._beginnings(ideal)
            if np.all(np.diff(self.thresholds) > 0):
                return
        raise StyleError(f"{count} even bands from {low:g} to {high:g} cannot be told apart")

    @property
    def count(self) -> int:
        """How many bands there are, with those below and above the range."""
        return len(self.thresholds) + 1

    def indices(self, values: Float32s) -> Indices:
        """The band of every value: 1 .. `count`, and 0 where it is NaN."""
        place = values - self._low
        with np.errstate(over="ignore"):  # The largest values of float32 become infinite.
            place *= self._per_unit
        place += np.float32(2)
        np.clip(place, np.float32(1), self._last, out=place)
        # One NaN makes the least value NaN: that is seen in a tenth of the time of a search.
        if np.isnan(place.min(initial=self._last)):
            place[np.isnan(place)] = 0
        indices: Indices = place.astype(np.uint8)
        return indices

    def _beginnings(self, ideal: npt.NDArray[np.float64]) -> Float32s:
        """The smallest values that `indices` counts to each band, by bisection around *ideal*.

        Whole numbers are bisected that rise with the values: the bits of a float32, those of
        a negative one turned round.
        """
        margin = (ideal[-1] - ideal[0]) / (2 * (len(ideal) - 1))
        below = _ordinals((ideal - margin).astype(np.float32))
        above = _ordinals((ideal + margin).astype(np.float32))
        bands = np.arange(len(ideal)) + 2
        while np.any(above - below > 1):
            middle = (below + above) // 2
            is_in = self.indices(_of_ordinals(middle)) >= bands
            above = np.where(is_in, middle, above)
            below = np.where(is_in, below, middle)
        return _of_ordinals(above)


def _ordinals(values: Float32s) -> npt.NDArray[np.int64]:
    bits = values.view(np.int32).astype(np.int64)
    return np.where(bits >= 0, bits, -_HALF - bits)


def _of_ordinals(ordinals: npt.NDArray[np.int64]) -> Float32s:
    bits = np.where(ordinals >= 0, ordinals, -_HALF - ordinals)
    return bits.astype(np.int32).view(np.float32)
