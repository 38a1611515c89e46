"""Where glyphs stand."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumers.handlers.tiles.drawing.glyphlattice import (
    SPACING_SHARE_MAX,
    GlyphLattice,
    glyph_lattice,
)
from producers.tilegrid import WORLDS, Tile, tile_bbox
from tests.consumers.tiles.grids import picture, tiles


def lattice(tile: Tile, crs: str, spacing_px: float = 50, reach_px: float = 30) -> GlyphLattice:
    found = glyph_lattice(picture(tile, crs), spacing_px, reach_px)
    assert found is not None
    return found


@settings(deadline=None)
@given(tiles(zoom_max=22), st.sampled_from([16.0, 33.3, 50.0, 120.0]))
def test_they_stand_at_the_distance_that_was_asked_for(
    tile_crs: tuple[Tile, str], spacing_px: float
) -> None:
    found = lattice(*tile_crs, spacing_px, reach_px=130)

    for positions in (found.x_px, found.y_px):
        steps = np.diff(positions)
        assert steps == pytest.approx(steps[0])
        world_px = 256 << tile_crs[0].z
        if world_px > 20 * spacing_px:
            assert abs(steps[0] / spacing_px - 1) <= SPACING_SHARE_MAX + 1e-9


@settings(deadline=None)
@given(tiles(zoom_max=24), st.sampled_from([16.0, 33.3, 50.0, 120.0]))
def test_neighbours_have_the_same_ones_at_their_common_edge(
    tile_crs: tuple[Tile, str], spacing_px: float
) -> None:
    """To the bit, in place and in what is sampled there; across the date line, too."""
    tile, crs = tile_crs
    columns = WORLDS[crs].columns << tile.z
    here = lattice(tile, crs, spacing_px)
    east = lattice(Tile(tile.z, (tile.x + 1) % columns, tile.y), crs, spacing_px)

    def near(x_px: float) -> bool:
        return abs(x_px - 256) < 30

    seen = [x for x in here.x_px.tolist() if near(x)]
    again = [x + 256 for x in east.x_px.tolist() if near(x + 256)]
    if tile.x + 1 < columns:
        assert seen == again
    else:
        # The world is as many pixels wide as float64 can count.
        assert seen == pytest.approx(again, abs=1e-6)


def test_all_that_reach_into_the_picture_are_there() -> None:
    found = lattice(Tile(5, 11, 9), "EPSG:3857", 50, reach_px=30)

    assert found.x_px.min() - 51.2 < -30 <= found.x_px.min()
    assert found.x_px.max() <= 286 < found.x_px.max() + 51.2


def test_a_lattice_is_a_coarse_picture_with_the_glyphs_at_its_pixels() -> None:
    fine = picture(Tile(4, 3, 6))
    found = glyph_lattice(fine, 50, 40)
    assert found is not None

    positions = (found.x_px, found.y_px)
    for at_px, axis, coarse in zip(positions, fine.axes(), found.target.axes(), strict=True):
        assert axis.fractions(at_px + axis.first) == pytest.approx(coarse.centres(), abs=1e-15)
    assert (found.target.width_px, found.target.height_px) == (len(found.x_px), len(found.y_px))


def test_with_twice_as_many_pixels_the_same_ones_stand_at_twice_the_place() -> None:
    for crs, z in product(WORLDS, (0, 3, 11)):
        tile = Tile(z, 0, 0)
        one = glyph_lattice(picture(tile, crs), 50, 30)
        two = glyph_lattice(picture(tile, crs, size_px=512), 100, 60)
        assert one is not None
        assert two is not None
        np.testing.assert_array_equal(two.x_px, 2 * one.x_px)
        assert two.target == one.target


def test_between_two_glyphs_there_may_be_none() -> None:
    small = picture(Tile(3, 0, 0), size_px=256)
    corner = tile_bbox(Tile(8, 0, 0))
    small = type(small)("EPSG:3857", corner, 8, 8)

    assert glyph_lattice(small, 50, 2) is None


def test_glyphs_need_space() -> None:
    with pytest.raises(ValueError, match="of space"):
        glyph_lattice(picture(Tile(0, 0, 0)), 2, 1)
