"""One variable at one level and one time, as ingest takes it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from consumers.handlers.tiles.grid import Grid


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """The values of one variable on a whole grid.

    `parameter` and `level` are the names that become part of the layer's (see `names`).
    `model` is None where the source does not say. `values` has the shape (ny, nx) in the
    row order of `grid`, NaN where a value is missing, in the units named by `units`.
    """

    model: str | None
    parameter: str
    level: str
    units: str
    grid: Grid
    reference_time: datetime
    forecast: timedelta
    values: NDArray[np.float32]

    @property
    def valid_time(self) -> datetime:
        """The time that the values describe."""
        return self.reference_time + self.forecast

    @property
    def name(self) -> str:
        """The layer's name without the model."""
        return f"{self.parameter}_{self.level}"


@dataclass(frozen=True, slots=True)
class SkippedField:
    """A field that cannot become a layer, and why."""

    name: str
    reason: str
