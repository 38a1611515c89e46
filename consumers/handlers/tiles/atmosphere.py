"""A forecast that the program makes itself: an atmosphere written down as formulas.

No simulation and no data: a climate (see `climate`), disturbances that travel through it
(see `disturbances`), and what follows from the two. Winds follow from the pressure by the
balance of pressure gradient, turning earth and friction; fronts and winds bring warmth and
cold; rain falls along the fronts and where winds meet in moist air. It looks like a
forecast, has no seam at the date line and none at the poles, and is the same for the same
seed and time, up to rounding.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import reduce
from operator import add
from typing import Final

import numpy as np

from consumers.handlers.tiles.climate import Climate, bell
from consumers.handlers.tiles.disturbances import Floats, Sphere, vortices, waves
from consumers.handlers.tiles.field import Field
from consumers.handlers.tiles.grid import GeographicGrid

#: The steps of the forecast, in hours.
HOURS: Final = (0, 6, 12, 18, 24)

_EARTH_M: Final = 6_371_229.0
_ROTATION_PER_S: Final = 7.292e-5
_AIR_KG_PER_M3: Final = 1.2


def forecast(
    run_time: datetime,
    *,
    seed: int = 1,
    hours: Sequence[int] = HOURS,
    step_deg: float = 0.5,
    model: str = "demo",
) -> Iterator[Field]:
    """The fields of a global forecast that starts at *run_time*, one after the other.

    For each of *hours*: temperature at 2 m (K), pressure at sea level (Pa), wind at 10 m
    (m/s) and the precipitation of the 6 hours before (kg/m2). *step_deg* divides 180.
    """
    atmosphere = _Atmosphere(run_time, seed, step_deg)
    for hour in hours:
        for parameter, level, units, values in atmosphere.at(hour):
            yield Field(
                model=model,
                parameter=parameter,
                level=level,
                units=units,
                grid=atmosphere.grid,
                reference_time=run_time,
                forecast=timedelta(hours=hour),
                values=values.astype(np.float32),
            )


class _Atmosphere:
    """What stays the same over one forecast."""

    def __init__(self, run_time: datetime, seed: int, step_deg: float) -> None:
        nx, ny = round(360 / step_deg), round(180 / step_deg) + 1
        self.grid = GeographicGrid(nx, ny, 0.0, 90.0, 360 / nx, -180 / (ny - 1))
        lons_deg = (np.arange(nx) * (360 / nx)).astype(np.float32)
        lats_deg = (90 - np.arange(ny) * (180 / (ny - 1))).astype(np.float32)
        self._sphere = Sphere.of(lons_deg, lats_deg)
        self._latitude = np.radians(self._sphere.lat_deg)
        self._climate = Climate(self._sphere, run_time)
        self._run_time = run_time
        self._seed = (seed, int(run_time.timestamp()) // 3600)
        self._vortices = tuple(vortices(self._random(0), self._climate.winter_north))

    def at(self, hour: int) -> Iterator[tuple[str, str, str, Floats]]:
        """Name, level, units and values of every field at one step."""
        shift_deg = self._shift_deg(hour)
        pressure = self._pressure_pa(hour, shift_deg)
        east, north = self._wind_m_per_s(pressure)
        fronts = [each.fronts(self._sphere, hour) for each in self._vortices if each.has_fronts]
        warmth = reduce(add, (warmth for warmth, _ in fronts))
        lifting = reduce(add, (rain for _, rain in fronts))
        air = self._air_k(shift_deg, north, warmth)
        yield "TMP", "2m", "K", self._temperature_k(hour, air)
        yield "PRMSL", "msl", "Pa", pressure
        # The ground slows the wind, land more than water.
        slowed = 0.85 - 0.25 * self._climate.land
        yield "UGRD", "10m", "m s**-1", east * slowed
        yield "VGRD", "10m", "m s**-1", north * slowed
        yield "APCP", "surface", "kg m**-2", self._rain_mm(hour, air, lifting, east, north)

    def _shift_deg(self, hour: int) -> Floats:
        """How far the planetary waves push the belts of the climate to the south."""
        pushed = waves(self._sphere, self._random(1), hour, numbers=(3, 8), count=10)
        shift: Floats = 5 * pushed * np.cos(self._latitude) ** 2
        return shift

    def _pressure_pa(self, hour: int, shift_deg: Floats) -> Floats:
        small = waves(self._sphere, self._random(2), hour, numbers=(6, 14))
        pressure = self._climate.pressure_pa(shift_deg) + 220 * small
        for vortex in self._vortices:
            pressure = pressure + vortex.pressure_pa(self._sphere, hour)
        return pressure

    def _wind_m_per_s(self, pressure: Floats) -> tuple[Floats, Floats]:
        """Where pressure gradient, turning earth and friction balance, to east and north.

        r u - f v = -(dp/dx) / rho and r v + f u = -(dp/dy) / rho: unlike the geostrophic
        wind, that has a solution at the equator as well.
        """
        coriolis = 2 * _ROTATION_PER_S * np.sin(self._latitude)
        friction = 3.2e-5 + 4e-5 * self._climate.wide_land
        push_x, push_y = (part / -_AIR_KG_PER_M3 for part in self._gradient(pressure))
        resistance = friction**2 + coriolis**2
        east = (friction * push_x + coriolis * push_y) / resistance
        north = (friction * push_y - coriolis * push_x) / resistance
        # Curved flow around a deep low is slower than the straight balance says.
        calmed = 1 / np.sqrt(1 + (east**2 + north**2) / 45**2)
        return east * calmed, north * calmed

    def _air_k(self, shift_deg: Floats, north: Floats, warmth: Floats) -> Floats:
        poleward = north * np.sin(2 * self._latitude)
        air: Floats = self._climate.air_k(shift_deg) + 7 * np.tanh(poleward / 14) + 6 * warmth
        return air

    def _temperature_k(self, hour: int, air: Floats) -> Floats:
        hour_of_day = self._run_time.hour + self._run_time.minute / 60 + hour
        texture = waves(self._sphere, self._random(3), hour, numbers=(12, 50), count=20)
        uneven = (0.6 + 1.5 * self._climate.land) * texture
        return air + self._climate.ground_k(hour_of_day) + uneven

    def _rain_mm(
        self, hour: int, air: Floats, lifting: Floats, east: Floats, north: Floats
    ) -> Floats:
        # Near the poles columns are so narrow that coasts would show as stripes.
        meeting = -1e5 * self._divergence(east, north) * np.cos(self._latitude)
        showers = 0.5 + waves(self._sphere, self._random(4), hour, numbers=(9, 75), count=28)
        tropics = bell(self._sphere.lat_deg, 4 - 7 * self._climate.winter_north, 16)
        lifted = 2 * lifting + 0.5 * np.clip(meeting, 0, 3) + 0.3 * tropics * showers
        patchy = np.clip(0.6 + 0.5 * showers, 0, 2)
        rain = (lifted * patchy - 0.22) * self._climate.moisture(air)
        fallen: Floats = np.clip(7 * rain, 0, 120)
        return fallen

    def _gradient(self, values: Floats) -> tuple[Floats, Floats]:
        """The change for each metre to the east and to the north."""
        step_m = np.radians(360 / self.grid.nx) * _EARTH_M
        # At the pole itself there is no east; a row beside it stands for it.
        round_m = step_m * np.maximum(np.cos(self._latitude), np.cos(np.radians(88.5)))
        to_east = (np.roll(values, -1, axis=1) - np.roll(values, 1, axis=1)) / (2 * round_m)
        to_south: Floats = np.gradient(values, axis=0)
        return to_east, to_south / -step_m

    def _divergence(self, east: Floats, north: Floats) -> Floats:
        return self._gradient(east)[0] + self._gradient(north)[1]

    def _random(self, stream: int) -> np.random.Generator:
        """The same numbers for the same forecast, whatever else was drawn before."""
        return np.random.default_rng([*self._seed, stream])
