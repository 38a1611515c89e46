"""Winds at the places of glyphs: how they are sampled for barbs and arrows.

    lattice = glyph_lattice(picture, barbs.spacing_px, barbs.reach_px)
    mapping = map_tile(grid, lattice.target)
    u, v = (bilinear(cells, mapping) for cells in components)   # not of the speed
    inks = barbs.draw(winds_at(lattice, picture, grid, u, v), shape)

The components are the layers `component_names` of a wind's layer. They are interpolated as
they are, and turned afterwards.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from consumers.handlers.tiles.drawing.glyphlattice import GlyphLattice
from consumers.handlers.tiles.drawing.windaxes import Wind, to_earth, to_picture
from consumers.handlers.tiles.grid import Grid
from consumers.handlers.tiles.names import LayerName
from consumers.handlers.tiles.pixels import Target, places_deg
from consumers.handlers.tiles.weights import Float32s, Float64s

#: The parameters of a wind's layers: the speed, and its two components.
SPEED, EAST, NORTH = "WIND", "UGRD", "VGRD"


@dataclass(frozen=True, slots=True, eq=False)
class Winds:
    """Winds on a picture, one element each; places without a wind are left out.

    Attributes:
        middles_px: float64[n, 2], x and y, from the picture's top left corner.
        flow: float64[n, 2], where the air moves to on the picture, x to the right and y
            down, of length 1; 0, 0 where it does not move.
        speeds: in m/s.
        southern: south of the equator.
    """

    middles_px: Float64s
    flow: Float64s
    speeds: Float64s
    southern: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.speeds)


def component_names(name: LayerName) -> tuple[LayerName, LayerName]:
    """The layers of the two components of the wind that *name* is the speed or a part of."""
    return name._replace(parameter=EAST), name._replace(parameter=NORTH)


def winds_at(lattice: GlyphLattice, picture: Target, grid: Grid, u: Float32s, v: Float32s) -> Winds:
    """The winds of *lattice* on *picture*.

    *u* and *v* are the components, float32[rows, columns] of the lattice, in m/s and along
    the axes that *grid* has them in; NaN where they are missing.

    Raises:
        GridError: PROJ does not understand the grid's projection.
    """
    known = np.isfinite(u) & np.isfinite(v)
    x_px, y_px = (each[known] for each in np.meshgrid(lattice.x_px, lattice.y_px))
    longitudes, latitudes = _places(picture, x_px, y_px)
    wind = Wind(u[known].astype(np.float64), v[known].astype(np.float64))
    wind = to_earth(grid, longitudes, latitudes, wind)
    if not picture.is_straight:
        wind = to_picture(lambda x, y: _places(picture, x, y), x_px, y_px, wind)
    speeds = np.sqrt(wind.along_x**2 + wind.along_y**2)
    # PROJ has no answer for a few places, and 0 / 0 is no direction.
    scale = np.divide(1.0, speeds, out=np.zeros_like(speeds), where=speeds > 0)
    flow = np.stack((wind.along_x * scale, -wind.along_y * scale), axis=1)
    sound = np.isfinite(flow).all(axis=1)
    middles = np.stack((x_px, y_px), axis=1)
    return Winds(middles[sound], flow[sound], speeds[sound], latitudes[sound] < 0)


def _places(picture: Target, x_px: Float64s, y_px: Float64s) -> tuple[Float64s, Float64s]:
    x_axis, y_axis = picture.axes()
    return places_deg(
        picture.crs, x_axis.fractions(x_px + x_axis.first), y_axis.fractions(y_px + y_axis.first)
    )
