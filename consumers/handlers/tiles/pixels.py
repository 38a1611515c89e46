"""Where the pixels of a picture lie on the earth.

A pixel samples the point at its centre. That point is computed from the pixel's number
among all pixels around the earth, not from the corner of the picture: four tiles and the
one picture that covers them then sample the same points to the last bit, and no seam can
show between them.
"""

from dataclasses import dataclass, replace
from math import frexp, ldexp
from typing import Final

import numpy as np
import numpy.typing as npt

from consumers.handlers.tiles.errors import UnknownCrs
from consumers.handlers.tiles.grid import POLE_DEG
from producers.payloads.tiles import BoundingBox, RenderTile
from producers.tilegrid import WORLDS

Float64s = npt.NDArray[np.float64]

#: The coordinate systems that pictures are drawn in.
TARGET_CRS: Final = frozenset(WORLDS)

#: How far a picture's corner may lie from a pixel corner of its pyramid, in pixels, and
#: still be moved onto it: what rounding leaves of float64 metres down to level 24.
SNAP_PX: Final = 1e-5

#: Beyond this number, half a pixel is lost in float64, and there is nothing to be in step with.
COUNTABLE_PX: Final = 2**51

#: How far a pixel's centre may lie beyond a pole and still be on it: rounding, 0.1 m.
POLE_TOLERANCE_DEG: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Target:
    """A picture: coordinate system, area (x, y), and size.

    Raises:
        UnknownCrs: pictures cannot be drawn in the coordinate system.
    """

    crs: str
    bbox: BoundingBox
    width_px: int
    height_px: int

    def __post_init__(self) -> None:
        if self.crs not in TARGET_CRS:
            raise UnknownCrs(self.crs, TARGET_CRS)

    @classmethod
    def of(cls, payload: RenderTile) -> "Target":
        """The picture that a job asks for.

        Raises:
            UnknownCrs: pictures cannot be drawn in the coordinate system.
        """
        return cls(payload.crs, payload.bbox, payload.width_px, payload.height_px)

    def axes(self) -> tuple["PixelAxis", "PixelAxis"]:
        """The pixels from west to east, and those from north to south."""
        box, world = self.bbox, WORLDS[self.crs].bbox
        width, height = world.max_x - world.min_x, world.max_y - world.min_y
        return (
            pixel_axis(box.min_x - world.min_x, box.max_x - world.min_x, width, self.width_px),
            pixel_axis(world.max_y - box.max_y, world.max_y - box.min_y, height, self.height_px),
        )

    def longitudes_deg(self, fractions: Float64s) -> Float64s:
        """Longitudes at *fractions* of the way around the earth from -180 degrees."""
        return fractions * 360.0 - 180.0

    def latitudes_deg(self, fractions: Float64s) -> Float64s:
        """Latitudes at *fractions* of the way down the world's area; NaN beyond a pole.

        Web Mercator is the spherical formula: latitude = atan(sinh(y / R)), see
        https://epsg.io/1024-method.
        """
        if self.crs == "EPSG:3857":
            # sinh overflows far outside; 20 is within 1e-6 degrees of the pole.
            angle = np.clip(np.pi * (1.0 - 2.0 * fractions), -20.0, 20.0)
            return np.degrees(np.arctan(np.sinh(angle)))
        latitudes = POLE_DEG - fractions * (2 * POLE_DEG)
        beyond = np.abs(latitudes) > POLE_DEG + POLE_TOLERANCE_DEG
        return np.where(beyond, np.nan, np.clip(latitudes, -POLE_DEG, POLE_DEG))


@dataclass(frozen=True, slots=True)
class PixelAxis:
    """A run of pixels along one axis.

    Attributes:
        first: number of the first pixel among those of the world; 0 where the picture
            does not lie in step with them.
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


def pixel_axis(start: float, end: float, world: float, size_px: int) -> PixelAxis:
    """The *size_px* pixels between *start* and *end*, measured from the world's edge.

    *world* is the length of the whole axis in the same unit.
    """
    world_px = _roundest(world / (end - start) * size_px, SNAP_PX / size_px)
    position_px = start / world * world_px
    first = round(position_px)
    if abs(position_px - first) <= SNAP_PX and abs(first) < COUNTABLE_PX:
        return PixelAxis(first, 0.0, world_px, size_px)
    return PixelAxis(0, position_px, world_px, size_px)


def _roundest(number: float, tolerance: float) -> float:
    """The number with the fewest binary digits within the relative *tolerance*.

    The pixels of a pyramid are a small number times a power of two; a metatile of 2048
    pixels and a tile of 256 must find the same one.
    """
    mantissa, exponent = frexp(number)
    for bits in range(1, 53):
        rounded = ldexp(round(ldexp(mantissa, bits)), exponent - bits)
        if abs(rounded - number) <= tolerance * number:
            return rounded
    return number
