"""A rectangle of the earth, and the tiles that it takes at each level."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import asinh, ceil, floor, isfinite, pi, radians, tan
from typing import Final, Self

from producers.payloads.tiles import BoundingBox
from producers.tilegrid import Tile, world_of

#: The part of a tile's edge that an area may reach into it without taking it. It is less than
#: a hundredth of a pixel, and more than what rounding does to an edge that two tiles share.
SLIVER: Final = 1e-5

#: Degrees around the earth, and the most that a longitude may be: 190 is 170 west.
_CIRCLE_DEG: Final = 360.0
_LAT_MAX_DEG: Final = 90.0

_MERCATOR: Final = "EPSG:3857"


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle in the pyramid of *crs*, in parts of the world's width and height.

    `west` is 0 or more and less than 1; `east` is beyond 1 where the area goes on over the
    dateline. `north` and `south` count from the north edge.
    """

    crs: str
    west: float = 0.0
    north: float = 0.0
    east: float = 1.0
    south: float = 1.0

    def __post_init__(self) -> None:
        world_of(self.crs)

    @classmethod
    def of_degrees(
        cls, west: float, south: float, east: float, north: float, crs: str = _MERCATOR
    ) -> Self:
        """The area between two meridians and two parallels, as far as *crs* reaches.

        It goes from *west* to the east: over the dateline where *east* is less, or more than
        180.

        Raises:
            ValueError: no longitude of -360 .. 360, no latitude of -90 .. 90, a rectangle
                without an extent, one that lies wholly beyond the edge of *crs*, or *crs* has
                no pyramid.
        """
        _require_degrees(west, south, east, north)
        turn_deg = east - west if east > west else (east - west) % _CIRCLE_DEG
        if turn_deg == 0:
            raise ValueError(f"an area needs a west and an east, got {west:g} for both")
        return cls._within(
            crs,
            (west + _CIRCLE_DEG / 2) / _CIRCLE_DEG,
            turn_deg / _CIRCLE_DEG,
            _row_share(north, crs),
            _row_share(south, crs),
        )

    @classmethod
    def of_units(cls, bbox: BoundingBox, crs: str = _MERCATOR) -> Self:
        """The area of *bbox* in the units of *crs*, as far as *crs* reaches.

        It goes on over the dateline where x lies beyond the edge of the world.

        Raises:
            ValueError: *bbox* lies wholly beyond the north or south edge of *crs*, or *crs* has
                no pyramid.
        """
        world = world_of(crs).bbox
        width, height = world.max_x - world.min_x, world.max_y - world.min_y
        return cls._within(
            crs,
            (bbox.min_x - world.min_x) / width,
            (bbox.max_x - bbox.min_x) / width,
            (world.max_y - bbox.max_y) / height,
            (world.max_y - bbox.min_y) / height,
        )

    @classmethod
    def _within(cls, crs: str, west: float, width: float, north: float, south: float) -> Self:
        north, south = max(north, 0.0), min(south, 1.0)
        if north >= south:
            raise ValueError(f"the area lies beyond the edge of {crs}: it has no tiles there")
        if width >= 1:
            return cls(crs, north=north, south=south)
        # The rest of a tiny negative number is rounded to 1.
        west = west % 1.0 % 1.0
        return cls(crs, west=west, north=north, east=west + width, south=south)

    def count(self, z: int) -> int:
        """How many tiles of level *z* it takes."""
        return len(self._columns(z)) * len(self._rows(z))

    def tiles(self, z: int) -> Iterator[Tile]:
        """Its tiles of level *z*, each once, row by row from its north-west corner.

        A tile belongs to it when more than `SLIVER` of its edge does; the smallest area has one.
        """
        around = world_of(self.crs).columns << z
        return (Tile(z, x % around, y) for y in self._rows(z) for x in self._columns(z))

    def _columns(self, z: int) -> range:
        """Its columns, which go on beyond the last one of the level."""
        around = world_of(self.crs).columns << z
        taken = _taken(self.west * around, self.east * around)
        return taken[:around]

    def _rows(self, z: int) -> range:
        rows = 1 << z
        taken = _taken(self.north * rows, self.south * rows)
        first = min(taken.start, rows - 1)
        return range(first, max(first + 1, min(taken.stop, rows)))


def _taken(start: float, stop: float) -> range:
    """The squares 0, 1, 2 .. that the line from *start* to *stop* runs through; at least one."""
    first = floor(start + SLIVER)
    return range(first, max(first + 1, ceil(stop - SLIVER)))


def _row_share(lat_deg: float, crs: str) -> float:
    """Where a parallel lies in the world of *crs*: 0 at its north edge, 1 at its south edge."""
    if crs == _MERCATOR:
        return (1 - asinh(tan(radians(lat_deg))) / pi) / 2
    return (_LAT_MAX_DEG - lat_deg) / (2 * _LAT_MAX_DEG)


def _require_degrees(west: float, south: float, east: float, north: float) -> None:
    for name, value, limit in (
        ("west", west, _CIRCLE_DEG),
        ("east", east, _CIRCLE_DEG),
        ("south", south, _LAT_MAX_DEG),
        ("north", north, _LAT_MAX_DEG),
    ):
        if not isfinite(value) or abs(value) > limit:
            raise ValueError(f"{name} is {-limit:g} .. {limit:g} degrees, got {value:g}")
    if south >= north:
        raise ValueError(f"an area needs south < north, got {south:g} and {north:g}")
