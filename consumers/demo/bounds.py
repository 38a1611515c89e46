"""Where on the map a regional grid lies."""

import numpy as np
from pyproj import Proj

from consumers.handlers.tiles.grid import GeographicGrid, Grid, ProjectedGrid

#: South, west, north and east in degrees; west of the date line may lie below -180.
Bounds = tuple[float, float, float, float]

#: Points on an edge: enough for a view, whatever the projection bends.
_POINTS = 33
#: Where a Web Mercator map ends.
_LATITUDE_MAX = 85.0
#: Wider than this, and a map shows the whole earth as well.
_WIDTH_MAX_DEG = 300.0


def bounds_of(grid: Grid) -> Bounds | None:
    """The rectangle around *grid*; None where it goes (nearly) around the earth."""
    longitudes, latitudes = _edge(grid)
    # Beside one point of the grid, so that the date line is no jump.
    around = longitudes[0] + (longitudes - longitudes[0] + 180) % 360 - 180
    if grid.wraps or np.ptp(around) > _WIDTH_MAX_DEG:
        return None
    around -= 360 * np.round((around.min() + around.max()) / 720)
    south, north = np.clip((latitudes.min(), latitudes.max()), -_LATITUDE_MAX, _LATITUDE_MAX)
    return float(south), float(around.min()), float(north), float(around.max())


def _edge(grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Longitudes and latitudes of points on the four edges of *grid*."""
    share = np.linspace(0, 1, _POINTS)
    ends = np.zeros(_POINTS), np.ones(_POINTS)
    cols = np.concatenate((share, share, *ends)) * (grid.nx - 1)
    rows = np.concatenate((*ends, share, share)) * (grid.ny - 1)
    if isinstance(grid, GeographicGrid):
        latitudes = np.interp(rows, np.arange(grid.ny), grid.latitudes_deg)
        return grid.lon0_deg + cols * grid.column_step_deg, latitudes
    if not isinstance(grid, ProjectedGrid):
        raise TypeError(f"where is a {type(grid).__name__}?")
    proj = Proj(grid.proj)
    x, y = grid.x0_m + cols * grid.dx_m, grid.y0_m + rows * grid.dy_m
    if proj.crs.is_geographic:  # a rotated pole counts in degrees, and PROJ in radians
        x, y = np.radians(x), np.radians(y)
    return proj(x, y, inverse=True)
