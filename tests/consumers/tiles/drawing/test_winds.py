"""Winds at the places of glyphs."""

from dataclasses import replace

import numpy as np
import pytest

from consumers.handlers.tiles.drawing.glyphlattice import GlyphLattice, glyph_lattice
from consumers.handlers.tiles.drawing.winds import Winds, component_names, winds_at
from consumers.handlers.tiles.grid import Grid
from consumers.handlers.tiles.mapping import map_tile
from consumers.handlers.tiles.names import LayerName
from consumers.handlers.tiles.pixels import Target
from consumers.handlers.tiles.sample import bilinear
from producers.tilegrid import Tile
from tests.consumers.tiles.grids import Float32s, global_grid, picture, projected_grid
from tests.support.oracle import crop

WORLD = picture(Tile(0, 0, 0))


def lattice_of(target: Target) -> GlyphLattice:
    lattice = glyph_lattice(target, 50, 30)
    assert lattice is not None
    return lattice


def sampled(grid: Grid, target: Target, u: Float32s, v: Float32s) -> Winds:
    lattice = lattice_of(target)
    mapping = map_tile(grid, lattice.target)
    assert mapping is not None
    at = [bilinear(crop(each, mapping.window), mapping) for each in (u, v)]
    return winds_at(lattice, target, grid, *at)


def everywhere(u: float, v: float) -> Winds:
    grid = global_grid()
    shape = (grid.ny, grid.nx)
    return sampled(
        grid, WORLD, np.full(shape, u, dtype=np.float32), np.full(shape, v, dtype=np.float32)
    )


@pytest.mark.parametrize(
    ("u", "v", "flow"),
    [(7, 0, (1, 0)), (0, 7, (0, -1)), (-3, 0, (-1, 0)), (3, -4, (0.6, 0.8)), (0, 0, (0, 0))],
)
def test_air_that_moves_north_moves_up(u: float, v: float, flow: tuple[float, float]) -> None:
    winds = everywhere(u, v)

    assert len(winds) >= 25
    np.testing.assert_allclose(winds.flow, np.broadcast_to(flow, winds.flow.shape), atol=1e-6)
    np.testing.assert_allclose(winds.speeds, np.hypot(u, v), rtol=1e-6)


def test_south_is_below_the_equator() -> None:
    winds = everywhere(1, 1)

    np.testing.assert_array_equal(winds.southern, winds.middles_px[:, 1] > 128)


def test_between_359_and_1_degree_lies_0_and_not_180() -> None:
    """Components are interpolated, never directions."""
    grid = global_grid(nx=8)
    bearings = np.radians(np.where(np.arange(8) % 2, 1, 359))
    u = np.tile(np.sin(bearings), (grid.ny, 1)).astype(np.float32)
    v = np.tile(np.cos(bearings), (grid.ny, 1)).astype(np.float32)

    winds = sampled(grid, WORLD, u, v)

    assert (winds.flow[:, 1] < -0.999).all()


def test_where_a_component_is_missing_there_is_no_wind() -> None:
    lattice = lattice_of(WORLD)
    shape = len(lattice.y_px), len(lattice.x_px)
    u, v = np.ones(shape, dtype=np.float32), np.ones(shape, dtype=np.float32)
    u[0] = np.nan
    v[:, 1] = np.nan

    winds = winds_at(lattice, WORLD, global_grid(), u, v)

    assert len(winds) == (shape[0] - 1) * (shape[1] - 1)
    assert lattice.y_px[0] not in winds.middles_px[:, 1]
    assert lattice.x_px[1] not in winds.middles_px[:, 0]


def test_along_the_axes_of_a_grid_it_is_turned_at_the_place_of_the_glyph() -> None:
    """sin(latin) * (longitude - lov), on a picture of the Lambert grid's area."""
    grid = projected_grid("lambert")
    along = replace(grid, wind_along_axes=True)
    shape = (grid.ny, grid.nx)
    target = picture(Tile(3, 1, 3))

    winds = sampled(along, target, np.zeros(shape, np.float32), np.ones(shape, np.float32))

    longitudes = -135 + winds.middles_px[:, 0] / 256 * 45
    angle = np.sin(np.radians(38.5)) * (longitudes - (262.5 - 360))
    bearings = np.degrees(np.arctan2(winds.flow[:, 0], -winds.flow[:, 1]))
    np.testing.assert_allclose(bearings, angle, atol=1e-3)
    assert np.ptp(bearings) > 20


def test_a_speed_has_two_components() -> None:
    speed = LayerName("gfs", "WIND", "10m")

    assert [str(name) for name in component_names(speed)] == ["gfs_UGRD_10m", "gfs_VGRD_10m"]
