"""Units that people read, and how they follow from the units of the grids.

A style is written in the units of its legend. Its numbers are turned back into those of the
grid once, when the style is read: no value of a grid is ever touched.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Float64s = npt.NDArray[np.float64]

_FREEZING_K: Final = 273.15


@dataclass(frozen=True, slots=True)
class Transform:
    """`shown = (value + before) * factor + after`, and what the shown unit is called.

    Two sums rather than one, so that 0 degC is 273.15 K to the last bit, and 32 degF is too.
    """

    factor: float = 1.0
    before: float = 0.0
    after: float = 0.0
    units: str = ""

    def shown(self, value: float) -> float:
        """What people read for a *value* of the grid."""
        return (value + self.before) * self.factor + self.after

    def stored(self, shown: float) -> float:
        """The value of the grid for what people read."""
        return (shown - self.after) / self.factor - self.before

    def stored_all(self, shown: Float64s) -> Float64s:
        """`stored`, for many."""
        values: Float64s = (shown - self.after) / self.factor - self.before
        return values


#: The transforms that a style may name.
TRANSFORMS: Final[Mapping[str, Transform]] = {
    "k_to_c": Transform(before=-_FREEZING_K, units="°C"),
    "k_to_f": Transform(factor=1.8, before=-_FREEZING_K, after=32.0, units="°F"),
    "m_to_km": Transform(factor=1e-3, units="km"),
    "m_to_dam": Transform(factor=0.1, units="dam"),
    "m_to_mm": Transform(factor=1e3, units="mm"),
    "mps_to_kmh": Transform(factor=3.6, units="km/h"),
    "mps_to_knots": Transform(factor=3600 / 1852, units="kt"),
    "pa_to_hpa": Transform(factor=0.01, units="hPa"),
    "share_to_percent": Transform(factor=100.0, units="%"),
}
