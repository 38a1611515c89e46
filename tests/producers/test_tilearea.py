"""Which tiles a rectangle of the earth takes."""

from math import asinh, pi, radians, tan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.payloads.tiles import BoundingBox
from producers.tilearea import SLIVER, Area
from producers.tilegrid import WORLD_M, WORLDS, Tile, is_valid, tile_bbox

SYSTEMS = sorted(WORLDS)


def all_tiles(z: int, crs: str) -> list[Tile]:
    """Every tile of a level, in the order in which they are warmed."""
    return [Tile(z, x, y) for y in range(1 << z) for x in range(WORLDS[crs].columns << z)]


def northing(lat_deg: float, crs: str) -> float:
    """The y of a parallel, by the published formula."""
    if crs != "EPSG:3857" or abs(lat_deg) == 90:
        return lat_deg if crs != "EPSG:3857" else lat_deg * WORLD_M
    return WORLD_M / pi * asinh(tan(radians(lat_deg)))


def reached(z: int, crs: str, west: float, south: float, east: float, north: float) -> set[Tile]:
    """The tiles of a level that share more than a sliver with a rectangle, tile by tile.

    *west* and *east* are in the units of *crs*, and the same rectangle lies there a world
    further west and further east, too.
    """
    world = WORLDS[crs].bbox
    width = world.max_x - world.min_x
    found: set[Tile] = set()
    for tile in all_tiles(z, crs):
        box = tile_bbox(tile, crs)
        least = SLIVER * (box.max_x - box.min_x)
        if min(north, box.max_y) - max(south, box.min_y) <= least:
            continue
        shared = sum(
            max(0, min(east + turn * width, box.max_x) - max(west + turn * width, box.min_x))
            for turn in range(-3, 4)
        )
        if shared > least:
            found.add(tile)
    return found


def beyond(south: float, north: float, crs: str) -> bool:
    """Whether a rectangle lies wholly outside of the world."""
    edge = WORLDS[crs].bbox.max_y
    return northing(north, crs) <= -edge or northing(south, crs) >= edge


@st.composite
def longitudes(draw: st.DrawFn) -> tuple[float, float]:
    """A west and an east, often on the edge of a tile and often over the dateline."""
    edge = st.integers(-16, 16).map(lambda n: n * 22.5)
    west = draw(edge | st.floats(-360, 360))
    east = draw(edge | st.floats(-360, 360))
    turn = east - west if east > west else (east - west) % 360
    # What is thinner than a sliver of a tile has one all the same.
    return (west, east) if turn > 0.1 else (west, west - 350 if west > 0 else west + 10)


@st.composite
def latitudes(draw: st.DrawFn) -> tuple[float, float]:
    edge = st.integers(-8, 8).map(lambda n: n * 11.25)
    south = draw(edge | st.floats(-90, 84))
    north = draw(edge | st.floats(-84, 90))
    return (south, north) if north - south > 0.1 else (min(south, 80), min(south, 80) + 10)


@settings(deadline=None, max_examples=150)
@given(longitudes(), latitudes(), st.integers(0, 4), st.sampled_from(SYSTEMS))
def test_an_area_has_the_tiles_that_it_reaches(
    meridians: tuple[float, float], parallels: tuple[float, float], z: int, crs: str
) -> None:
    """Against every tile of the level, looked at one by one."""
    (west, east), (south, north) = meridians, parallels
    unit = WORLDS[crs].bbox.max_x / 180
    turn = min(360, east - west if east > west else (east - west) % 360)
    expected = reached(
        z, crs, west * unit, northing(south, crs), (west + turn) * unit, northing(north, crs)
    )

    if beyond(south, north, crs):
        with pytest.raises(ValueError, match="beyond the edge"):
            Area.of_degrees(west, south, east, north, crs)
        return
    area = Area.of_degrees(west, south, east, north, crs)
    tiles = list(area.tiles(z))

    assert set(tiles) == expected or (not expected and len(tiles) == 1)
    assert len(tiles) == len(set(tiles)) == area.count(z)
    assert all(is_valid(tile, crs) for tile in tiles)
    assert [tile.y for tile in tiles] == sorted(tile.y for tile in tiles)


@settings(deadline=None, max_examples=100)
@given(
    st.floats(-1.5, 1.4),
    st.floats(0.01, 1.2),
    st.floats(-0.9, 0.8),
    st.floats(0.01, 1.5),
    st.integers(0, 4),
    st.sampled_from(SYSTEMS),
)
def test_an_area_may_be_named_in_the_units_of_its_system(
    x: float, width: float, y: float, height: float, z: int, crs: str
) -> None:
    """Its x may lie beyond the dateline, its y beyond the poles."""
    half_x, half_y = WORLDS[crs].bbox.max_x, WORLDS[crs].bbox.max_y
    box = BoundingBox(
        min_x=x * half_x,
        max_x=(x + 2 * width) * half_x,
        min_y=y * half_y,
        max_y=(y + height) * half_y,
    )

    tiles = list(Area.of_units(box, crs).tiles(z))

    expected = reached(
        z, crs, box.min_x, box.min_y, min(box.max_x, box.min_x + 2 * half_x), box.max_y
    )
    assert set(tiles) == expected
    assert len(tiles) == len(expected)


@settings(deadline=None)
@given(st.data(), st.integers(0, 30), st.sampled_from(SYSTEMS))
def test_the_area_of_a_tile_is_that_tile_and_not_those_beside_it(
    data: st.DataObject, z: int, crs: str
) -> None:
    """Down to the finest level: rounding moves an edge by less than a sliver."""
    x = data.draw(st.integers(0, (WORLDS[crs].columns << z) - 1))
    tile = Tile(z, x, data.draw(st.integers(0, (1 << z) - 1)))

    area = Area.of_units(tile_bbox(tile, crs), crs)

    assert list(area.tiles(z)) == [tile]


def test_a_box_over_the_dateline_has_both_sides_and_nothing_between() -> None:
    fiji = Area.of_degrees(170, -25, -170, -10)

    assert [(tile.x, tile.y) for tile in fiji.tiles(3)] == [(7, 4), (0, 4)]
    assert list(Area.of_degrees(170, -25, 190, -10).tiles(6)) == list(fiji.tiles(6))


def test_an_area_over_the_dateline_has_its_only_tile_once_where_both_sides_are_the_same() -> None:
    assert list(Area.of_degrees(170, -25, -170, -10).tiles(0)) == [Tile(0, 0, 0)]
    assert sorted(tile.x for tile in Area.of_degrees(10, 0, 5, 10).tiles(2)) == [0, 1, 2, 3]


def test_the_whole_world_is_every_tile() -> None:
    for crs in SYSTEMS:
        for area in (Area(crs), Area.of_degrees(-180, -90, 180, 90, crs)):
            assert list(area.tiles(3)) == all_tiles(3, crs)
    assert sorted(Area.of_degrees(0, -90, 360, 90).tiles(3)) == sorted(all_tiles(3, "EPSG:3857"))


def test_a_place_without_a_size_worth_a_pixel_has_one_tile() -> None:
    for z in range(31):
        assert Area.of_degrees(13.4, 52.5, 13.4 + 1e-9, 52.5 + 1e-9).count(z) == 1


def test_an_area_beyond_the_edge_of_its_system_is_refused() -> None:
    """Web Mercator ends at 85 degrees; longitude and latitude do not."""
    with pytest.raises(ValueError, match="beyond the edge of EPSG:3857"):
        Area.of_degrees(0, 86, 10, 90)
    assert Area.of_degrees(0, 86, 10, 90, "EPSG:4326").count(4) == 1


@pytest.mark.parametrize(
    ("box", "says"),
    [
        ((10, 50, 10, 60), "a west and an east"),
        ((-180, 0, -180, 10), "a west and an east"),
        ((180, 0, -180, 10), "a west and an east"),
        ((0, 50, 10, 50), "south < north"),
        ((0, 60, 10, 50), "south < north"),
        ((0, -91, 10, 50), "south is -90 .. 90 degrees, got -91"),
        ((0, 0, 361, 50), "east is -360 .. 360"),
        ((float("nan"), 0, 1, 50), "west is"),
        ((0, 0, 1, float("inf")), "north is"),
    ],
)
def test_a_box_that_is_none_is_refused(box: tuple[float, float, float, float], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Area.of_degrees(*box)


def test_an_area_needs_a_system_with_tiles() -> None:
    with pytest.raises(ValueError, match="EPSG:3857, EPSG:4326, CRS:84"):
        Area("EPSG:3413")
