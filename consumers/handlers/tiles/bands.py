"""From values to the numbers of colour bands.

Thresholds t[0] < t[1] < ... cut the values into bands: band 1 lies below t[0], band n + 1
from t[n - 1] upwards, and a value that equals a threshold belongs to the band above it.
Band 0 is what has no value.

A binary search over the thresholds costs 2 ms for 65 536 values. Here the range is cut
into buckets, equal ones or ones of equal ratio, so many that no two thresholds share one. A
value's bucket tells in one step all but one comparison. The answer is the same as that of
the search, exactly, because the bucket is a monotone function of the value: a threshold in
an earlier bucket is not above the value, one in a later bucket is.
"""

from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from consumers.handlers.tiles.errors import StyleError

Float32s = npt.NDArray[np.float32]
Indices = npt.NDArray[np.uint8]

#: Bands are numbered in one byte, and the first number means missing.
THRESHOLDS_MAX: Final = 254

#: The finest division that is tried: its tables have 320 kB and stay in a processor's cache.
BUCKETS_MAX: Final = 1 << 16

#: The bits of a float32 behind its point.
_MANTISSA_BITS: Final = 23


class Division(Protocol):
    """Cuts values into bands."""

    @property
    def thresholds(self) -> Float32s:
        """Where the second, third, ... band begins."""
        ...

    def indices(self, values: Float32s) -> Indices:
        """The band of every value: 1 and up, and 0 where it is NaN."""
        ...


class Bands:
    """The bands between *thresholds*.

    Raises:
        StyleError: there are none or more than `THRESHOLDS_MAX`, they do not rise, or they
            lie so unevenly that the range would have to be cut into more than
            `BUCKETS_MAX` buckets.
    """

    def __init__(self, thresholds: Float32s) -> None:
        if not 1 <= len(thresholds) <= THRESHOLDS_MAX or not np.all(np.diff(thresholds) > 0):
            raise StyleError(
                f"bands need 1 .. {THRESHOLDS_MAX} rising thresholds, got {len(thresholds)}"
            )
        self.thresholds = thresholds
        self._low, self._high = thresholds[0], thresholds[-1]
        self._shift = 0
        buckets = self._divide_bits() if self._spans_octaves() else self._divide()
        numbers = np.arange(buckets[-1] + 1)
        passed = np.searchsorted(buckets, numbers)
        self._passed = (passed + 1).astype(np.uint8)
        self._next = thresholds[passed]

    @property
    def count(self) -> int:
        """How many bands there are, without the missing one."""
        return len(self.thresholds) + 1

    def indices(self, values: Float32s) -> Indices:
        """The band of every value: 1 .. `count`, and 0 where it is NaN."""
        bucket = self._bucket(values)
        indices: Indices = self._passed.take(bucket)
        indices += values >= self._next.take(bucket)
        missing = np.isnan(values)
        if missing.any():
            indices[missing] = 0
        return indices

    def _spans_octaves(self) -> bool:
        """Whether the logarithm of a value tells more than the value itself."""
        return bool(self._low > 0 and self._high / self._low > 16)  # noqa: PLR2004 - four octaves

    def _divide(self) -> npt.NDArray[np.intp]:
        """Choose the number of buckets; tell in which the thresholds lie."""
        division = 256
        while division <= BUCKETS_MAX:
            with np.errstate(divide="ignore"):
                scale = np.float32(division) / (self._high - self._low)
            self._scale = scale if np.isfinite(scale) else np.float32(0)
            buckets = self._bucket(self.thresholds)
            if np.all(np.diff(buckets) > 0):
                return buckets
            division *= 2
        raise self._uneven()

    def _divide_bits(self) -> npt.NDArray[np.intp]:
        """The same for buckets of equal ratio: the first bits of a positive float32.

        Read as a whole number, they rise with it, from power of two to power of two.
        """
        self._first_bits = self._low.view(np.int32)
        for self._shift in range(_MANTISSA_BITS, 0, -1):
            buckets = self._bucket(self.thresholds)
            if buckets[-1] > BUCKETS_MAX:
                break
            if np.all(np.diff(buckets) > 0):
                return buckets
        raise self._uneven()

    def _uneven(self) -> StyleError:
        return StyleError(
            f"{len(self.thresholds)} thresholds from {self._low} to {self._high} lie too unevenly"
        )

    def _bucket(self, values: Float32s) -> npt.NDArray[np.intp]:
        # fmin and fmax pass by NaN: it ends in the last bucket, and is set to 0 later.
        inner = np.fmin(values, self._high)
        np.fmax(inner, self._low, out=inner)
        if self._shift:
            bits = inner.view(np.int32)
            bits -= self._first_bits
            bits >>= self._shift
            return bits.astype(np.intp)  # type: ignore[no-any-return]
        inner -= self._low
        inner *= self._scale
        return inner.astype(np.intp)  # type: ignore[no-any-return]
