"""Pictures of grids in a map projection."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumers.handlers.tiles.curved import projector
from consumers.handlers.tiles.errors import GridError
from consumers.handlers.tiles.grid import ProjectedGrid
from consumers.handlers.tiles.lattice import Float64s, positions
from consumers.handlers.tiles.mapping import map_tile
from consumers.handlers.tiles.pixels import Target
from producers.payloads.tiles import BoundingBox
from producers.tilegrid import Tile
from tests.consumers.tiles.grids import areas, picture, projected_grid, projected_grids, tiles
from tests.support.oracle import exact_positions

TARGETS = st.one_of(areas(), tiles(zoom_max=9).map(lambda drawn: picture(*drawn, size_px=64)))


def inside(
    rows: Float64s, cols: Float64s, grid: ProjectedGrid
) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    return (rows >= 0) & (rows <= grid.ny - 1) & (cols >= 0) & (cols <= grid.nx - 1)


@settings(deadline=None, max_examples=60)
@given(projected_grids(), TARGETS)
def test_the_lattice_is_within_a_thousandth_of_a_cell(grid: ProjectedGrid, target: Target) -> None:
    at = positions(projector(grid, target), *target.axes())
    rows, cols = exact_positions(grid, target)

    with np.errstate(invalid="ignore"):
        here = inside(rows, cols, grid)
    np.testing.assert_allclose(at.rows[here], rows[here], atol=1e-3)
    np.testing.assert_allclose(at.cols[here], cols[here], atol=1e-3)


@pytest.mark.parametrize("name", ["lambert", "polar", "mercator", "rotated"])
@pytest.mark.parametrize("zoom", [3, 4, 6, 8])
def test_from_level_3_the_lattice_is_within_a_twentieth_of_a_pixel(name: str, zoom: int) -> None:
    grid = projected_grid(name)
    where = {
        "lambert": (-97, 38),
        "polar": (-150, 60),
        "mercator": (-161, 3),
        "rotated": (-115, 54),
    }
    lon, lat = where[name]
    y = (1 - np.arcsinh(np.tan(np.radians(lat))) / np.pi) / 2
    target = picture(Tile(zoom, int((lon + 180) / 360 * 2**zoom), int(y * 2**zoom)))

    at = positions(projector(grid, target), *target.axes())
    rows, cols = exact_positions(grid, target)

    here = inside(rows, cols, grid)
    assert here.any()
    step_px = np.hypot(np.gradient(rows, axis=1), np.gradient(cols, axis=1))[here]
    error = np.hypot(at.rows - rows, at.cols - cols)[here]
    assert (error / step_px).max() < 0.05


def test_a_smooth_tile_asks_the_projection_for_few_points_only() -> None:
    """19 x 19 nodes and 16 x 16 points between them instead of 65 536 pixels."""
    target = picture(Tile(5, 7, 12))
    project = projector(projected_grid("lambert"), target)
    asked: list[int] = []

    def counted(x_px: Float64s, y_px: Float64s) -> tuple[Float64s, Float64s]:
        cols, rows = project(x_px, y_px)
        asked.append(cols.size)
        return cols, rows

    positions(counted, *target.axes())

    assert sum(asked) == 19 * 19 + 16 * 16


def test_a_seam_in_a_picture_is_done_pixel_by_pixel() -> None:
    """Opposite of its middle meridian a Lambert cone is cut open."""
    grid = projected_grid("lambert")
    bbox = BoundingBox(min_x=60, min_y=20, max_x=100, max_y=60)
    target = Target("EPSG:4326", bbox, 64, 64)

    at = positions(projector(grid, target), *target.axes())

    rows, cols = exact_positions(grid, target)
    np.testing.assert_allclose(at.cols, cols, atol=1e-3)
    np.testing.assert_allclose(at.rows, rows, atol=1e-3)


def test_a_lattice_that_sees_several_turns_of_the_earth_is_not_trusted() -> None:
    """Nodes 152 degrees apart look like an odd polynomial, which is right at the centre."""
    grid = projected_grid("mercator", south_first=False)
    bbox = BoundingBox(min_x=130, min_y=0, max_x=187, max_y=1)
    target = Target("EPSG:4326", bbox, 3, 2)

    at = positions(projector(grid, target), *target.axes())

    np.testing.assert_allclose(at.cols, exact_positions(grid, target)[1], atol=1e-3)


def test_a_picture_without_a_point_of_the_grid_has_no_mapping() -> None:
    assert map_tile(projected_grid("lambert"), picture(Tile(3, 4, 3))) is None


@settings(deadline=None, max_examples=60)
@given(projected_grids(), TARGETS)
def test_the_window_lies_in_the_grid(grid: ProjectedGrid, target: Target) -> None:
    mapping = map_tile(grid, target)

    if mapping is None:
        with np.errstate(invalid="ignore"):
            assert not inside(*exact_positions(grid, target), grid).any()
    else:
        assert mapping.window.row1 <= grid.ny
        assert mapping.window.col1 <= grid.nx


def test_a_projection_that_proj_does_not_know_is_refused() -> None:
    grid = ProjectedGrid(10, 10, "+proj=cube", 0.0, 0.0, 1.0, 1.0)

    with pytest.raises(GridError, match="PROJ does not understand"):
        map_tile(grid, picture(Tile(0, 0, 0)))
