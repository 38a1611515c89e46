"""The coordinate systems that pictures are drawn in: all that PROJ knows and that are maps.

A system is named by its code (`EPSG:3413`, `CRS:84`) or written down as WKT.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError

from consumers.handlers.tiles.errors import UnfitCrsError, UnknownCrs
from producers.payloads.tiles import RenderTile, is_wkt

Float64s = npt.NDArray[np.float64]

#: Longitude and latitude in degrees, in this order.
EARTH: Final = "OGC:CRS84"

#: How first axes are called that are not x: by the name, because the direction of both axes
#: of a polar system is "south".
_NORTH_FIRST: Final = ("northing", "geodetic latitude", "latitude", "lat")

#: Axes against the usual sense. A picture would show the country upside down.
_TURNED: Final = ("southing", "westing")


#: What may get lost on the way to the earth and back, in units of the map (mostly metres):
#: PROJ may take one change of datum there and another back. Beyond the edge of a map it is
#: thousands of kilometres.
ROUND_TRIP_MAX: Final = 1000.0


class Area(NamedTuple):
    """Where a system is made for, in degrees; `west` > `east` goes over the date line."""

    west: float
    south: float
    east: float
    north: float


@dataclass(frozen=True, slots=True, eq=False)
class MapCrs:
    """A coordinate system with two axes.

    Attributes:
        name: the canonical form of its name, or its WKT.
        north_first: its definition names y before x.
        in_degrees: its coordinates are longitudes and latitudes.
        area: None where it is not known.
    """

    name: str
    north_first: bool
    in_degrees: bool
    area: Area | None
    _to_earth: Transformer

    def to_earth(self, x: Float64s, y: Float64s) -> tuple[Float64s, Float64s]:
        """Longitudes and latitudes in degrees; NaN where the map shows no point of the earth.

        Beyond the edge of many projections PROJ's answer is the place of another point, so
        every answer is taken back to the map.
        """
        longitudes, latitudes = self._to_earth.transform(x, y)
        here = np.isfinite(longitudes) & np.isfinite(latitudes)
        if not self.in_degrees:
            back_x, back_y = self._to_earth.transform(longitudes, latitudes, direction="INVERSE")
            with np.errstate(invalid="ignore"):
                here &= np.hypot(back_x - x, back_y - y) <= ROUND_TRIP_MAX
        return np.where(here, longitudes, np.nan), np.where(here, latitudes, np.nan)

    def from_earth(self, longitude_deg: float, latitude_deg: float) -> tuple[float, float]:
        """X and y of a point; infinite where the map does not show it."""
        x, y = self._to_earth.transform(longitude_deg, latitude_deg, direction="INVERSE")
        return float(x), float(y)


@lru_cache(maxsize=64)
def find_crs(text: str) -> MapCrs:
    """The system of that code or WKT.

    Remembered, because PROJ takes milliseconds to find one. Safe to use from many threads.

    Raises:
        UnknownCrs: PROJ knows no such system.
        UnfitCrsError: it is none that a flat picture can be drawn in.
    """
    name = canonical(text)
    try:
        found = CRS.from_user_input(name.replace("CRS:", "OGC:CRS", 1) if _is_wms(name) else name)
        flat = found.to_2d()
        to_earth = Transformer.from_crs(flat, EARTH, always_xy=True)
    except (CRSError, ProjError):
        raise UnknownCrs(name) from None
    axes = [axis.name.lower() for axis in flat.axis_info]
    if not (flat.is_geographic or flat.is_projected) or len(axes) != 2:  # noqa: PLR2004 - a plane
        raise UnfitCrsError(name, f"it is a {found.type_name} and no map")
    if any(axis in _TURNED for axis in axes):
        raise UnfitCrsError(name, f"its axes point the other way ({', '.join(axes)})")
    area = flat.area_of_use
    return MapCrs(
        name=name,
        north_first=axes[0].startswith(_NORTH_FIRST),
        in_degrees=bool(flat.is_geographic),
        area=None if area is None else Area(*area.bounds),
        _to_earth=to_earth,
    )


def canonical(text: str) -> str:
    """One spelling for one system: codes in capital letters."""
    return text if is_wkt(text) else text.upper()


def x_first(tile: RenderTile) -> RenderTile:
    """*tile* with x before y and its system in one spelling: equal pictures, equal jobs.

    Raises:
        UnknownCrs: PROJ knows no such system.
        UnfitCrsError: it is none that a flat picture can be drawn in.
    """
    name = canonical(tile.crs)
    if tile.axis == "xy":
        return tile if name == tile.crs else tile.model_copy(update={"crs": name})
    box = tile.bbox
    if find_crs(name).north_first:
        turned = {"min_x": box.min_y, "min_y": box.min_x, "max_x": box.max_y, "max_y": box.max_x}
        box = box.model_copy(update=turned)
    return tile.model_copy(update={"crs": name, "bbox": box, "axis": "xy"})


def _is_wms(name: str) -> bool:
    """Whether it is one of the codes that the WMS standard itself defines, such as CRS:84."""
    return name.startswith("CRS:")
