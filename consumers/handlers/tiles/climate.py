"""What the made-up atmosphere is like on an average day: belts, seasons, land and height."""

from datetime import datetime
from typing import Final

import numpy as np

from consumers.handlers.tiles.continents import height_m, land_share
from consumers.handlers.tiles.disturbances import Floats, Sphere

#: The hour of the sun at which it is warmest.
_WARMEST_H: Final = 14.5

#: How much colder it is for each metre of height, in kelvin.
_LAPSE_K_PER_M: Final = 0.0055


class Climate:
    """The average over time, for the season of one day.

    `land` is 1 on land and 0 at sea; `wide_land` is the same, smoothed over hundreds of
    kilometres, as the air above feels it. `winter_north` is 1 in January and -1 in July.
    """

    def __init__(self, sphere: Sphere, day: datetime) -> None:
        ny, nx = sphere.x.shape
        self._lat_deg = sphere.lat_deg
        self._lon_deg = sphere.lon_deg
        self._latitude = np.radians(sphere.lat_deg)
        self.land = land_share(nx, ny)
        self.wide_land = land_share(nx, ny, smooth_deg=3.0)
        self._height_m = self.land * height_m(sphere.lon_deg, sphere.lat_deg)
        day_of_year = day.timetuple().tm_yday
        self.winter_north = float(np.cos(2 * np.pi * (day_of_year - 20) / 365.25))

    def pressure_pa(self, shift_deg: Floats) -> Floats:
        """The belts of high and low pressure, and the seasons of the continents.

        *shift_deg* moves the belts north and south, because no belt is straight.
        """
        lat, winter = self._lat_deg + shift_deg, self.winter_north
        belts = (
            101_150
            + 800 * bell(lat, 31 - 3 * winter, 13)
            + 900 * bell(lat, -30 - 3 * winter, 13)
            - 900 * bell(lat, 60, 14)
            - 2700 * bell(lat, -65, 13)
            - 300 * bell(lat, 3 - 6 * winter, 9)
            + 500 * bell(lat, 90, 14)
        )
        continents = 1000 * winter * bell(lat, 48, 20) - 500 * winter * bell(lat, -25, 14)
        pressure: Floats = belts + continents * self.wide_land
        return pressure

    def air_k(self, shift_deg: Floats) -> Floats:
        """The warmth of the air by latitude and season, without what the ground adds."""
        latitude, winter = np.radians(self._lat_deg + shift_deg), self.winter_north
        tilt = np.radians(7 * winter)
        climate = 301 - 46 * np.abs(np.sin(latitude + tilt)) ** 2.4
        seasons = -winter * 4 * np.sin(latitude) * np.abs(np.sin(latitude))
        air: Floats = climate + seasons
        return air

    def ground_k(self, hour_of_day: float) -> Floats:
        """What land adds to the warmth of the air: seasons, deserts, nights, heights."""
        sine = np.sin(self._latitude)
        seasons = -self.winter_north * 15 * sine * np.abs(sine)
        deserts = 5 * (bell(self._lat_deg, 23, 9) + bell(self._lat_deg, -24, 8))
        antarctica = -16 * bell(self._lat_deg, -90, 17)
        hour_angle = np.radians(15 * (hour_of_day - _WARMEST_H) + self._lon_deg)
        daily = 5.5 * np.cos(self._latitude) * np.cos(hour_angle)
        ground = self.land * (seasons + deserts + antarctica + daily)
        warmth: Floats = ground - _LAPSE_K_PER_M * self._height_m
        return warmth

    def moisture(self, air_k: Floats) -> Floats:
        """How much rain the air can give, 1 in mild sea air: warm is moist, deserts are dry."""
        capacity = np.exp((np.clip(air_k, 240, 301) - 288) / 16)
        dry = bell(self._lat_deg, 24, 8) + bell(self._lat_deg, -24, 8)
        moisture: Floats = (
            capacity * (1 - 0.3 * self.wide_land) * (1 - dry * (0.3 + 0.5 * self.wide_land))
        )
        return moisture


def bell(value: Floats, centre: float, width: float) -> Floats:
    """1 at *centre*, 0.37 at *width* from it."""
    shape: Floats = np.exp(-(((value - centre) / width) ** 2))
    return shape
