"""Fields for the gallery: a made-up forecast, and what roughly follows from it.

Only meant to be looked at. Each field has the extent and the units of a real one; the
formulas beside them are rules of thumb.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from consumers.handlers.tiles.atmosphere import forecast
from consumers.handlers.tiles.continents import land_share
from consumers.handlers.tiles.field import Field

Floats = npt.NDArray[np.floating[Any]]

#: The run that the gallery shows: northern winter, when the lows are deep.
RUN = datetime(2026, 1, 1, tzinfo=UTC)

MODEL = "demo"

_ZERO_C_K = 273.15


def gallery_fields() -> Iterator[Field]:
    """The fields of one time that the styles of the package are made for."""
    made = list(forecast(RUN, hours=(6,), step_deg=0.5, model=MODEL))
    yield from made
    by_name = {field.name: field for field in made}
    base = by_name["TMP_2m"]
    air_c = base.values - np.float32(_ZERO_C_K)
    sea_level_pa, rain_mm = by_name["PRMSL_msl"].values, by_name["APCP_surface"].values
    wind = np.hypot(by_name["UGRD_10m"].values, by_name["VGRD_10m"].values)
    land = land_share(base.grid.nx, base.grid.ny)

    def like(parameter: str, level: str, units: str, values: Floats) -> Field:
        return replace(
            base,
            parameter=parameter,
            level=level,
            units=units,
            values=np.asarray(values, dtype=np.float32),
        )

    humid = _humidity(rain_mm, sea_level_pa)
    yield like("RH", "2m", "%", humid)
    yield like("TCDC", "atmosphere", "%", np.clip((humid - 55) * 2.6, 0, 100))
    # Z = 200 R^1.6 (Marshall and Palmer), R the rate of 6 hours; nothing below drizzle.
    rate = rain_mm / 6
    dbz = 10 * np.log10(200 * np.maximum(rate * 4, 1e-3) ** 1.6)
    yield like("REFC", "atmosphere", "dBZ", np.where(rate > 0.02, dbz, np.nan))  # noqa: PLR2004 - drizzle
    warmth = np.maximum(air_c - 14, 0)
    yield like("CAPE", "surface", "J kg**-1", warmth**2 * (humid / 100) ** 3 * 14)
    # A sea that has risen as far as the wind can raise it (Pierson and Moskowitz).
    yield like("HTSGW", "surface", "m", np.where(land < 0.5, 0.0246 * wind**2 + 0.4, np.nan))  # noqa: PLR2004 - half
    cold = np.clip(-air_c / 12, 0, 1.5)
    yield like("SNOD", "surface", "m", land * cold**2 * (0.15 + 0.02 * rain_mm))
    # Columns of the air above, in which places differ less than at the ground (hypsometric
    # formula).
    belts = base.values.mean(axis=1, keepdims=True)
    column_k = belts + (base.values - belts) / 4 - 18
    height = 29.27 * column_k * np.log(sea_level_pa / 50_000)
    yield like("HGT", "500mb", "gpm", height)


def _humidity(rain_mm: Floats, sea_level_pa: Floats) -> Floats:
    """Moist where it rains and where the pressure is low."""
    moist = 45 + 28 * np.tanh(rain_mm / 3) + (101_500 - sea_level_pa) / 90
    humid: Floats = np.clip(moist, 8, 100)
    return humid
