"""Addresses of tiles and the areas they cover."""

from math import asinh, atan, degrees, isclose, pi, radians, sinh, tan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.payloads.tiles import BoundingBox
from producers.tilegrid import (
    RINGS_MAX,
    WORLD_M,
    ZOOM_MAX,
    Tile,
    bbox_tile,
    is_valid,
    neighbours,
    tile_bbox,
    tile_bbox_3857,
    tile_bbox_4326,
)

SYSTEMS = {"EPSG:3857": 1, "EPSG:4326": 2, "CRS:84": 2}


@st.composite
def addresses(draw: st.DrawFn, zoom_max: int = ZOOM_MAX) -> tuple[Tile, str]:
    crs = draw(st.sampled_from(sorted(SYSTEMS)))
    z = draw(st.integers(0, zoom_max))
    x = draw(st.integers(0, (SYSTEMS[crs] << z) - 1))
    return Tile(z, x, draw(st.integers(0, (1 << z) - 1))), crs


def test_level_0_is_the_whole_world() -> None:
    assert tile_bbox_3857(Tile(0, 0, 0)) == BoundingBox(
        min_x=-WORLD_M, min_y=-WORLD_M, max_x=WORLD_M, max_y=WORLD_M
    )
    assert tile_bbox_4326(Tile(0, 0, 0)) == BoundingBox(min_x=-180, min_y=-90, max_x=0, max_y=90)
    assert tile_bbox_4326(Tile(0, 1, 0)) == BoundingBox(min_x=0, min_y=-90, max_x=180, max_y=90)


@settings(deadline=None)
@given(st.floats(-180, 179.999), st.floats(-85, 85), st.integers(0, 22))
def test_the_tile_of_the_published_formula_covers_its_point(lon: float, lat: float, z: int) -> None:
    """Column x = 2^z (lon + 180) / 360, y = 2^z (1 - asinh(tan lat) / pi) / 2."""
    x = int((1 << z) * (lon + 180) / 360)
    y = int((1 << z) * (1 - asinh(tan(radians(lat))) / pi) / 2)

    box = tile_bbox_3857(Tile(z, x, y))

    slack = 1e-7
    assert box.min_x / WORLD_M * 180 - slack <= lon <= box.max_x / WORLD_M * 180 + slack
    south, north = (degrees(atan(sinh(edge / WORLD_M * pi))) for edge in (box.min_y, box.max_y))
    assert south - slack <= lat <= north + slack


@settings(deadline=None)
@given(addresses())
def test_a_tile_is_found_again_from_its_area(address: tuple[Tile, str]) -> None:
    tile, crs = address

    assert bbox_tile(tile_bbox(tile, crs), crs) == tile


@settings(deadline=None)
@given(addresses(zoom_max=20))
def test_a_tile_is_found_from_an_area_that_was_written_with_few_decimals(
    address: tuple[Tile, str],
) -> None:
    tile, crs = address
    decimals = 2 if crs == "EPSG:3857" else 7
    box = tile_bbox(tile, crs)
    rounded = {name: round(value, decimals) for name, value in box.model_dump().items()}

    assert bbox_tile(BoundingBox.model_validate(rounded), crs) == tile


@settings(deadline=None)
@given(addresses(zoom_max=ZOOM_MAX - 1))
def test_four_tiles_share_the_edges_of_the_one_above_them(address: tuple[Tile, str]) -> None:
    tile, crs = address
    box = tile_bbox(tile, crs)
    north_west = tile_bbox(Tile(tile.z + 1, 2 * tile.x, 2 * tile.y), crs)
    south_east = tile_bbox(Tile(tile.z + 1, 2 * tile.x + 1, 2 * tile.y + 1), crs)

    assert (north_west.min_x, north_west.max_y) == (box.min_x, box.max_y)
    assert (south_east.max_x, south_east.min_y) == (box.max_x, box.min_y)
    assert (north_west.max_x, north_west.min_y) == (south_east.min_x, south_east.max_y)


def test_neighbours_go_on_around_the_earth_and_end_at_the_north() -> None:
    around = list(neighbours(Tile(3, 0, 0)))

    assert sorted(around) == [
        Tile(3, 0, 1),
        Tile(3, 1, 0),
        Tile(3, 1, 1),
        Tile(3, 7, 0),
        Tile(3, 7, 1),
    ]


@settings(deadline=None)
@given(addresses(), st.integers(0, RINGS_MAX))
def test_neighbours_are_valid_distinct_and_not_the_tile_itself(
    address: tuple[Tile, str], rings: int
) -> None:
    tile, crs = address

    around = list(neighbours(tile, rings, crs))

    assert len(set(around)) == len(around) <= (2 * rings + 1) ** 2 - 1
    assert tile not in around
    assert all(is_valid(each, crs) and each.z == tile.z for each in around)


@settings(deadline=None)
@given(addresses(zoom_max=5), st.integers(0, RINGS_MAX))
def test_neighbours_are_the_tiles_within_so_many_steps_the_nearest_first(
    address: tuple[Tile, str], rings: int
) -> None:
    """Against every tile of the level; a small one goes around the earth and meets itself."""
    tile, crs = address
    columns = SYSTEMS[crs] << tile.z

    def steps(other: Tile) -> int:
        east = (other.x - tile.x) % columns
        return max(min(east, columns - east), abs(other.y - tile.y))

    around = list(neighbours(tile, rings, crs))

    level = [Tile(tile.z, x, y) for x in range(columns) for y in range(1 << tile.z)]
    assert set(around) == {other for other in level if 0 < steps(other) <= rings}
    assert [steps(other) for other in around] == sorted(steps(other) for other in around)


def test_the_nearest_ring_comes_first() -> None:
    tile = Tile(8, 100, 100)

    distances = [max(abs(each.x - 100), abs(each.y - 100)) for each in neighbours(tile, 3)]

    assert distances == [1] * 8 + [2] * 16 + [3] * 24


def test_a_world_of_one_tile_has_no_neighbours() -> None:
    assert list(neighbours(Tile(0, 0, 0), 2)) == []


@pytest.mark.parametrize(
    "tile", [Tile(-1, 0, 0), Tile(ZOOM_MAX + 1, 0, 0), Tile(2, 4, 0), Tile(2, 0, 4), Tile(2, -1, 0)]
)
def test_a_tile_outside_of_the_pyramid_has_no_area(tile: Tile) -> None:
    assert not is_valid(tile)
    with pytest.raises(ValueError, match="there is no tile"):
        tile_bbox_3857(tile)


def test_an_area_that_is_no_tile_is_refused() -> None:
    box = tile_bbox_3857(Tile(3, 2, 2))
    half_a_tile_east = box.model_copy(
        update={"min_x": box.min_x + WORLD_M / 8, "max_x": box.max_x + WORLD_M / 8}
    )

    with pytest.raises(ValueError, match="is no tile of EPSG:3857"):
        bbox_tile(half_a_tile_east)
    with pytest.raises(ValueError, match="is no tile"):
        bbox_tile(BoundingBox(min_x=0, min_y=0, max_x=1e9, max_y=1e9))


def test_a_system_without_tiles_is_refused_with_those_that_have_them() -> None:
    with pytest.raises(ValueError, match="EPSG:3857, EPSG:4326, CRS:84"):
        tile_bbox(Tile(0, 0, 0), "EPSG:3413")


def test_rings_are_bounded() -> None:
    with pytest.raises(ValueError, match="rings"):
        neighbours(Tile(9, 0, 0), RINGS_MAX + 1)


def test_the_edge_of_the_world_is_pi_times_the_radius() -> None:
    assert isclose(WORLD_M, pi * 6378137, rel_tol=1e-15)
