"""Whether a picture lies where its coordinate system is of use.

Far from the area that a system is made for, its coordinates mean little: a cell is
stretched to a stripe, another place of the earth shows up, or none. Such a picture is a
mistake of whoever asks for it, mostly of units or of the order of axes.
"""

from math import cos, hypot, radians
from typing import Final

import numpy as np

from consumers.handlers.tiles.crs import Area, find_crs
from consumers.handlers.tiles.errors import OutOfAreaError
from consumers.handlers.tiles.pixels import Target, places_deg

#: How far beyond the area of its system a picture may reach. A polar system is made for
#: 60 degrees and beyond, so that its pictures may reach the equator.
BEYOND_MAX_DEG: Final = 60.0

WORLD: Final = Area(-180.0, -90.0, 180.0, 90.0)

#: The points that are looked at: a lattice of so many along each edge.
POINTS: Final = 9


def require_within_reach(target: Target) -> None:
    """Refuse a picture that reaches too far outside of the area of its system.

    Parts that the map does not show at all do not count, unless all do. Pictures in systems
    of the whole world may lie anywhere, as tiles beside its outline do.

    Raises:
        OutOfAreaError: it does.
    """
    if target.is_straight:
        return
    crs = find_crs(target.crs)
    if crs.area == WORLD:
        return
    x_axis, y_axis = target.axes()
    x_px = x_axis.first + np.linspace(0, x_axis.size_px, POINTS)
    y_px = y_axis.first + np.linspace(0, y_axis.size_px, POINTS)
    longitudes, latitudes = places_deg(
        target.crs, x_axis.fractions(x_px)[None, :], y_axis.fractions(y_px)[:, None]
    )
    places = [
        (float(longitude), float(latitude))
        for longitude, latitude in zip(longitudes.flat, latitudes.flat, strict=True)
        if np.isfinite(longitude)
    ]
    if not places:
        raise OutOfAreaError(
            f"{_told(target)} lies outside of what {crs.name[:80]} shows of the earth: check units "
            "and order of its numbers"
        )
    if crs.area is None:
        return
    area = crs.area
    beyond_deg, (longitude, latitude) = max((_beyond_deg(place, area), place) for place in places)
    if beyond_deg > BEYOND_MAX_DEG:
        raise OutOfAreaError(
            f"{_told(target)} reaches {longitude:.0f} E {latitude:.0f} N, {beyond_deg:.0f} degrees "
            f"outside of the area of {crs.name[:80]} ({area.west:g} .. {area.east:g} E, "
            f"{area.south:g} .. {area.north:g} N): at most {BEYOND_MAX_DEG:g} are drawn; check "
            "units and order of its numbers, or ask for a smaller area or another system"
        )


def _beyond_deg(place: tuple[float, float], area: Area) -> float:
    """How far *place* lies outside of *area*: degrees of a great circle, roughly."""
    longitude, latitude = place
    width = (area.east - area.west) % 360.0 or 360.0
    east = (longitude - area.west) % 360.0
    beyond_lon = 0.0 if east <= width else min(east - width, 360.0 - east)
    beyond_lat = max(0.0, area.south - latitude, latitude - area.north)
    return hypot(beyond_lon * cos(radians(latitude)), beyond_lat)


def _told(target: Target) -> str:
    box = target.bbox
    return f"the area x {box.min_x:g} .. {box.max_x:g}, y {box.min_y:g} .. {box.max_y:g}"
