"""Addresses of tiles in other coordinate systems."""

import numpy as np
import pytest

from consumers.handlers.tiles.bands import Indices
from consumers.handlers.tiles.mapping import map_tile
from consumers.handlers.tiles.matrixset import UnknownMatrixSet, matrix_area, matrix_set_names
from consumers.handlers.tiles.pixels import Target
from consumers.handlers.tiles.render import colour_indices
from producers.tilegrid import Tile, tile_bbox
from tests.consumers.tiles.grids import field, global_grid
from tests.support.looks import TEMPERATURE
from tests.support.oracle import crop

pytest.importorskip("morecantile")


@pytest.mark.parametrize(
    ("name", "crs"),
    [("WebMercatorQuad", "EPSG:3857"), ("WorldCRS84Quad", "CRS:84"), ("WGS1984Quad", "EPSG:4326")],
)
def test_sets_that_are_known_without_it_are_the_same(name: str, crs: str) -> None:
    for tile in (Tile(0, 0, 0), Tile(3, 5, 2), Tile(9, 300, 101)):
        found, box = matrix_area(name, tile)

        assert found == crs
        expected = tile_bbox(tile, crs)
        for edge in ("min_x", "min_y", "max_x", "max_y"):
            assert getattr(box, edge) == pytest.approx(getattr(expected, edge), abs=1e-6)


@pytest.mark.parametrize(
    ("name", "crs", "tile"),
    [
        ("UPSArcticWGS84Quad", "EPSG:5041", Tile(3, 3, 4)),
        ("EuropeanETRS89_LAEAQuad", "EPSG:3035", Tile(2, 1, 2)),
        ("NZTM2000Quad", "EPSG:2193", Tile(4, 7, 6)),
    ],
)
def test_four_tiles_of_a_set_are_one_large_one(name: str, crs: str, tile: Tile) -> None:
    """Their system has its own corner and size of a pixel, neither of them round."""
    grid = global_grid(nx=144, ny=73)
    values = field(grid)

    def drawn(address: Tile, size_px: int) -> Indices:
        found, box = matrix_area(name, address)
        assert found == crs
        mapping = map_tile(grid, Target(crs, box, size_px, size_px))
        assert mapping is not None
        return colour_indices(crop(values, mapping.window), mapping, TEMPERATURE)

    quarters = [
        np.hstack(
            [
                drawn(Tile(tile.z + 1, 2 * tile.x + right, 2 * tile.y + down), 128)
                for right in (0, 1)
            ]
        )
        for down in (0, 1)
    ]

    np.testing.assert_array_equal(np.vstack(quarters), drawn(tile, 256))


def test_an_unknown_set_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownMatrixSet, match="did you mean 'UPSArcticWGS84Quad'"):
        matrix_area("UPSArcticQuad", Tile(0, 0, 0))


@pytest.mark.parametrize("tile", [Tile(1, 2, 0), Tile(99, 0, 0), Tile(0, -1, 0)])
def test_a_tile_that_the_set_has_not_is_refused(tile: Tile) -> None:
    with pytest.raises(ValueError, match="there is no tile"):
        matrix_area("UPSArcticWGS84Quad", tile)


def test_the_sets_are_listed() -> None:
    assert {"WebMercatorQuad", "UPSArcticWGS84Quad"} <= set(matrix_set_names())
