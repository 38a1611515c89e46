"""What moves in the made-up atmosphere: waves of all sizes, and travelling lows and highs."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

#: Numbers of either width; what leaves the atmosphere is float32.
Floats = npt.NDArray[np.floating[Any]]

_EARTH_KM: Final = 6371.0
_DEGREE_KM: Final = 111.2

#: Lows of at least this size have fronts; smaller ones are tropical storms.
_FRONTAL_KM: Final = 500.0


@dataclass(frozen=True, slots=True)
class Sphere:
    """The points of a grid: degrees as one column and one row, and unit vectors.

    A smooth function of x, y and z is smooth everywhere on the earth: no seam at the date
    line, no whirl at the poles.
    """

    lon_deg: Floats
    lat_deg: Floats
    x: Floats
    y: Floats
    z: Floats

    @classmethod
    def of(cls, lons_deg: Floats, lats_deg: Floats) -> Self:
        """The points of a grid with these columns and rows."""
        lon, lat = np.radians(lons_deg)[None, :], np.radians(lats_deg)[:, None]
        flat = np.cos(lat)
        x, y, z = np.broadcast_arrays(flat * np.cos(lon), flat * np.sin(lon), np.sin(lat))
        return cls(lons_deg[None, :], lats_deg[:, None], x, y, z)

    def along(self, direction: npt.NDArray[np.float64]) -> Floats:
        """The component of every point in *direction*."""
        x, y, z = (np.float32(part) for part in direction)
        component: Floats = self.x * x + self.y * y + self.z * z
        return component

    def nearness(self, lon_deg: float, lat_deg: float, radius_km: float) -> Floats:
        """1 at a place, falling like a bell to 0.37 at *radius_km* from it."""
        lon, lat = np.radians(lon_deg), np.radians(lat_deg)
        place = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
        # For small angles twice (1 - cosine) is the square of the distance.
        square = 2 * (1 - self.along(place)) * np.float32((_EARTH_KM / radius_km) ** 2)
        shape: Floats = np.exp(-square)
        return shape


def waves(
    sphere: Sphere,
    rng: np.random.Generator,
    hours: float,
    *,
    numbers: tuple[float, float],
    count: int = 14,
    drift_per_day: float = 0.8,
) -> Floats:
    """Smooth noise of about -1 .. 1: plane waves through the globe that drift with time.

    *numbers* is the range of wave numbers, counted around the equator; *drift_per_day* is
    in radians. The same state of *rng* gives the same noise at another time.
    """
    total = np.zeros_like(sphere.x)
    for _ in range(count):
        direction = rng.normal(size=3)
        direction /= np.linalg.norm(direction)
        number = rng.uniform(*numbers)
        phase = rng.uniform(0, 2 * np.pi) + rng.normal() * drift_per_day * hours / 24
        total += np.sin(sphere.along(direction * number) + np.float32(phase))
    return total * np.float32(np.sqrt(2 / count) / 1.5)


@dataclass(frozen=True, slots=True)
class Vortex:
    """A low (depth < 0) or high that travels along a parallel, grows and fades."""

    lon_deg: float
    lat_deg: float
    speed_deg_per_day: float
    poleward_deg_per_day: float
    depth_pa: float
    radius_km: float
    born_h: float
    lives_h: float

    def strength(self, hours: float) -> float:
        """0 before its time and after it, 1 at its best."""
        age = (hours - self.born_h) / self.lives_h
        return float(np.sin(np.pi * age)) if 0 < age < 1 else 0.0

    def place_deg(self, hours: float) -> tuple[float, float]:
        """Longitude and latitude of its centre."""
        days = (hours - self.born_h) / 24
        side = np.sign(self.lat_deg)
        return (
            self.lon_deg + self.speed_deg_per_day * days,
            self.lat_deg + side * self.poleward_deg_per_day * days,
        )

    def pressure_pa(self, sphere: Sphere, hours: float) -> Floats:
        """What it adds to the pressure."""
        depth = np.float32(self.depth_pa * self.strength(hours))
        return depth * sphere.nearness(*self.place_deg(hours), self.radius_km)

    @property
    def has_fronts(self) -> bool:
        """Whether warm and cold air meet around it."""
        return self.depth_pa < 0 and self.radius_km >= _FRONTAL_KM

    def fronts(self, sphere: Sphere, hours: float) -> tuple[Floats, Floats]:
        """Warmth -1 .. 1 (cold behind, warm ahead) and rain 0 .. 1 of its two fronts.

        The cold front trails from the centre towards the equator and bends back, the warm
        front lies ahead of it: https://en.wikipedia.org/wiki/Norwegian_cyclone_model
        """
        lon, lat = self.place_deg(hours)
        scale = _DEGREE_KM / self.radius_km
        ahead = ((sphere.lon_deg - lon + 180) % 360 - 180) * scale * np.cos(np.radians(lat))
        behind_equator = (lat - sphere.lat_deg) * np.sign(lat) * scale
        trail = np.clip(behind_equator, 0, None)
        cold_at = 0.95 * np.sqrt(trail + 0.05) - 0.27 * trail**1.6
        to_cold = ahead - cold_at
        reach = np.exp(-((ahead / 3.2) ** 2) - ((behind_equator - 0.9) / 2.1) ** 2)
        warmth = np.tanh(to_cold / 0.12) * reach * np.clip(behind_equator + 0.6, 0, 1)
        cold_rain = np.exp(-((to_cold / 0.2) ** 2)) * np.clip(behind_equator + 0.3, 0, 0.5) * reach
        to_warm = behind_equator + 0.25 - 0.25 * ahead
        warm_rain = np.exp(-((to_warm / 0.28) ** 2)) * np.exp(-(((ahead - 1.1) / 0.9) ** 2))
        distance = np.hypot(ahead, behind_equator)
        head = np.exp(-(((distance - 0.55) / 0.3) ** 2)) * np.clip(0.6 - behind_equator, 0, 1)
        rain = np.clip(2.2 * cold_rain + 0.8 * warm_rain + 0.5 * head, 0, 1.5)
        strength = np.float32(self.strength(hours))
        return warmth * strength, rain * strength


def vortices(rng: np.random.Generator, winter_north: float) -> Iterator[Vortex]:
    """The lows and highs of one forecast; *winter_north* is 1 in January and -1 in July."""
    for side in (1, -1):
        winter = winter_north * side
        for number in range(7):
            # Spread around the circle, or they would merge into one.
            lon = number * 360 / 7 + rng.uniform(-17, 17)
            yield _low(rng, lon, side, winter)
            yield _high(rng, lon + rng.uniform(20, 30), side, winter)
        for ocean in range(2):
            yield _tropical_storm(rng, ocean, side, winter)


def _low(rng: np.random.Generator, lon_deg: float, side: int, winter: float) -> Vortex:
    return Vortex(
        lon_deg=lon_deg - 40,
        lat_deg=side * (rng.uniform(47, 60) - 3 * winter),
        speed_deg_per_day=rng.uniform(9, 15),
        poleward_deg_per_day=rng.uniform(0, 2),
        depth_pa=-rng.uniform(2200, 4400) * (1 + 0.2 * winter),
        radius_km=rng.uniform(650, 1000),
        born_h=rng.uniform(-90, -40),
        lives_h=rng.uniform(140, 220),
    )


def _high(rng: np.random.Generator, lon_deg: float, side: int, winter: float) -> Vortex:
    return Vortex(
        lon_deg=lon_deg - 20,
        lat_deg=side * (rng.uniform(33, 47) - 3 * winter),
        speed_deg_per_day=rng.uniform(4, 9),
        poleward_deg_per_day=rng.uniform(-1, 1),
        depth_pa=rng.uniform(500, 1300),
        radius_km=rng.uniform(1100, 1600),
        born_h=rng.uniform(-90, -20),
        lives_h=rng.uniform(150, 260),
    )


def _tropical_storm(rng: np.random.Generator, ocean: int, side: int, winter: float) -> Vortex:
    oceans = [(-75.0, -45.0), (125.0, 165.0)] if side > 0 else [(55.0, 95.0), (155.0, 185.0)]
    west, east = oceans[ocean]
    return Vortex(
        lon_deg=rng.uniform(west, east),
        lat_deg=side * rng.uniform(13, 20),
        speed_deg_per_day=rng.uniform(-5, -2),
        poleward_deg_per_day=rng.uniform(0.8, 2),
        depth_pa=-rng.uniform(2800, 4800) * max(0.15, 0.6 - 0.6 * winter),
        radius_km=rng.uniform(260, 360),
        born_h=rng.uniform(-60, -30),
        lives_h=rng.uniform(140, 220),
    )
