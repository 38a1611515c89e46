"""Where the pixels of a picture lie on the earth.

A pixel samples the point at its centre. That point is computed from the pixel's number
among all pixels around the earth, not from the corner of the picture: four tiles and the
one picture that covers them then sample the same points to the last bit, and no seam can
show between them.

In longitude and latitude and in Web Mercator pixels are counted from the edge of the world,
as the pyramids of tiles do; in any other system from its origin.
"""

from dataclasses import dataclass, replace
from math import asinh, frexp, ldexp, pi, radians, tan
from typing import Final

import numpy as np
import numpy.typing as npt

from consumers.handlers.tiles.crs import find_crs, x_first
from consumers.handlers.tiles.grid import POLE_DEG
from producers.payloads.tiles import BoundingBox, RenderTile
from producers.tilegrid import WORLD_M, WORLDS

Float64s = npt.NDArray[np.float64]

#: The coordinate systems whose meridians and parallels are straight lines along x and y.
STRAIGHT_CRS: Final = frozenset(WORLDS)

#: What stands for the whole axis in systems without a world: as long as in Web Mercator.
AXIS_M: Final = 2 * WORLD_M
AXIS_DEG: Final = 360.0

#: How far a picture's corner may lie from a pixel corner of its pyramid, in pixels, and
#: still be moved onto it: what rounding leaves of float64 metres down to level 24.
SNAP_PX: Final = 1e-5

#: Where pixels do not lie in step, their offset is one of so many to the pixel: neighbours
#: whose corners were rounded differently then still have the same.
OFFSETS_PER_PX: Final = 2**20

#: How exactly the size of a pixel is taken from the area where there is no pyramid.
STEP_SHARE: Final = 2.0**-36

#: Beyond this number, half a pixel is lost in float64, and there is nothing to be in step with.
COUNTABLE_PX: Final = 2**51

#: How far a pixel's centre may lie beyond a pole and still be on it: rounding, 0.1 m.
POLE_TOLERANCE_DEG: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Target:
    """A picture: coordinate system, area (x, y), and size.

    Raises:
        UnknownCrs: PROJ knows no such coordinate system.
        UnfitCrsError: no picture can be drawn in it.
    """

    crs: str
    bbox: BoundingBox
    width_px: int
    height_px: int

    def __post_init__(self) -> None:
        if not self.is_straight:
            find_crs(self.crs)

    @classmethod
    def of(cls, payload: RenderTile) -> "Target":
        """The picture that a job asks for.

        Raises:
            UnknownCrs: PROJ knows no such coordinate system.
            UnfitCrsError: no picture can be drawn in it.
        """
        tile = x_first(payload)
        return cls(tile.crs, tile.bbox, tile.width_px, tile.height_px)

    @property
    def is_straight(self) -> bool:
        """Whether longitudes follow from x alone and latitudes from y alone."""
        return self.crs in STRAIGHT_CRS

    def axes(self) -> tuple["PixelAxis", "PixelAxis"]:
        """The pixels along x, and those down y."""
        box = self.bbox
        if not self.is_straight:
            length = AXIS_DEG if find_crs(self.crs).in_degrees else AXIS_M
            return (
                pixel_axis(box.min_x, box.max_x, length, self.width_px, STEP_SHARE),
                pixel_axis(-box.max_y, -box.min_y, length, self.height_px, STEP_SHARE),
            )
        world = WORLDS[self.crs].bbox
        width, height = world.max_x - world.min_x, world.max_y - world.min_y
        return (
            pixel_axis(box.min_x - world.min_x, box.max_x - world.min_x, width, self.width_px),
            pixel_axis(world.max_y - box.max_y, world.max_y - box.min_y, height, self.height_px),
        )

    def longitudes_deg(self, fractions: Float64s) -> Float64s:
        """Longitudes at *fractions* of the x axis. Only where the system `is_straight`."""
        return _longitudes_deg(fractions)

    def latitudes_deg(self, fractions: Float64s) -> Float64s:
        """Latitudes at *fractions* of the y axis; NaN beyond a pole.

        Only where the system `is_straight`.
        """
        return _latitudes_deg(self.crs, fractions)


@dataclass(frozen=True, slots=True)
class PixelAxis:
    """A run of pixels along one axis.

    Attributes:
        first: number of the first pixel among those of the world.
        shift_px: what is left of the first pixel's number, 0 where it lies in step.
        world_px: how many pixels the whole world has along this axis.
        size_px: how many pixels the run has.
    """

    first: int
    shift_px: float
    world_px: float
    size_px: int

    def fractions(self, positions_px: Float64s) -> Float64s:
        """Fractions of the world at *positions_px*, counted like `first`."""
        return (positions_px + self.shift_px) / self.world_px

    def strip(self, part: slice) -> "PixelAxis":
        """Some pixels of the run."""
        start, end, _ = part.indices(self.size_px)
        return replace(self, first=self.first + start, size_px=end - start)

    def centres(self) -> Float64s:
        """Fractions of the world at the centre of every pixel of the run."""
        return self.fractions(np.arange(self.size_px, dtype=np.float64) + (self.first + 0.5))


def places_deg(crs: str, x_fractions: Float64s, y_fractions: Float64s) -> tuple[Float64s, Float64s]:
    """Longitudes and latitudes at fractions of both axes of a system, which broadcast.

    NaN where the map shows no point of the earth.
    """
    if crs in STRAIGHT_CRS:
        longitudes, latitudes = np.broadcast_arrays(
            _longitudes_deg(x_fractions), _latitudes_deg(crs, y_fractions)
        )
        return longitudes, latitudes
    found = find_crs(crs)
    length = AXIS_DEG if found.in_degrees else AXIS_M
    x, y = np.broadcast_arrays(x_fractions * length, y_fractions * -length)
    return found.to_earth(x, y)


def fractions_of(crs: str, longitude_deg: float, latitude_deg: float) -> tuple[float, float]:
    """`places_deg` backwards, for one place; infinite where the map does not show it."""
    if crs in STRAIGHT_CRS:
        x = (longitude_deg + 180.0) / 360.0
        if crs == "EPSG:3857":
            return x, (1.0 - asinh(tan(radians(latitude_deg))) / pi) / 2.0
        return x, (POLE_DEG - latitude_deg) / (2 * POLE_DEG)
    found = find_crs(crs)
    length = AXIS_DEG if found.in_degrees else AXIS_M
    x, y = found.from_earth(longitude_deg, latitude_deg)
    return x / length, y / -length


def _longitudes_deg(fractions: Float64s) -> Float64s:
    return fractions * 360.0 - 180.0


def _latitudes_deg(crs: str, fractions: Float64s) -> Float64s:
    """Web Mercator is the spherical formula, latitude = atan(sinh(y / R)).

    See https://epsg.io/1024-method.
    """
    if crs == "EPSG:3857":
        # sinh overflows far outside; 20 is within 1e-6 degrees of the pole.
        angle = np.clip(np.pi * (1.0 - 2.0 * fractions), -20.0, 20.0)
        return np.degrees(np.arctan(np.sinh(angle)))
    latitudes = POLE_DEG - fractions * (2 * POLE_DEG)
    beyond = np.abs(latitudes) > POLE_DEG + POLE_TOLERANCE_DEG
    return np.where(beyond, np.nan, np.clip(latitudes, -POLE_DEG, POLE_DEG))


def pixel_axis(
    start: float, end: float, world: float, size_px: int, step_share: float | None = None
) -> PixelAxis:
    """The *size_px* pixels between *start* and *end*, measured from the world's edge.

    *world* is the length of the whole axis in the same unit. The size of a pixel is that
    of the area or, within *step_share* of it, a rounder one.
    """
    if step_share is None:
        step_share = SNAP_PX / size_px
    world_px = _roundest(world / (end - start) * size_px, step_share)
    position_px = start / world * world_px
    first = round(position_px)
    if abs(position_px) >= COUNTABLE_PX:
        return PixelAxis(0, position_px, world_px, size_px)
    if abs(position_px - first) <= SNAP_PX:
        return PixelAxis(first, 0.0, world_px, size_px)
    offset = round((position_px - first) * OFFSETS_PER_PX) / OFFSETS_PER_PX
    return PixelAxis(first, offset, world_px, size_px)


def _roundest(number: float, share: float) -> float:
    """The number with the fewest binary digits within that *share* of *number*.

    The pixels of a pyramid are a small number times a power of two; a metatile of 2048
    pixels and a tile of 256 must find the same one.
    """
    mantissa, exponent = frexp(number)
    for bits in range(1, 53):
        rounded = ldexp(round(ldexp(mantissa, bits)), exponent - bits)
        if abs(rounded - number) <= share * number:
            return rounded
    return number
