"""Levels of an area, and how they are written."""

import pytest

from producers.tilearea import Area
from producers.tilegrid import Tile
from producers.warming.pyramid import Pyramid


def test_levels_0_to_4_have_341_tiles() -> None:
    assert Pyramid(4).count == 341
    assert Pyramid(4, 4).count == 256
    assert Pyramid(4, area=Area("EPSG:4326")).count == 682
    assert Pyramid(2).counts() == {0: 1, 1: 4, 2: 16}


def test_its_tiles_are_those_it_counts() -> None:
    pyramid = Pyramid(5, 1, Area.of_degrees(170, -40, -170, 20))

    tiles = list(pyramid.tiles())

    assert len(tiles) == len(set(tiles)) == pyramid.count
    assert pyramid.counts() == {z: sum(tile.z == z for tile in tiles) for z in range(1, 6)}


@pytest.mark.parametrize(
    ("text", "pyramid"),
    [
        ("5", Pyramid(5, 5)),
        ("0-5", Pyramid(5)),
        ("2-12:-25,34,45.5,72", Pyramid(12, 2, Area.of_degrees(-25, 34, 45.5, 72))),
        ("0-3:170,-25,190,-1e1", Pyramid(3, 0, Area.of_degrees(170, -25, 190, -10))),
    ],
)
def test_it_is_written_in_one_line(text: str, pyramid: Pyramid) -> None:
    assert Pyramid.parse(text) == pyramid


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "written like 0-5"),
        ("5-", "written like 0-5"),
        ("five", "written like 0-5"),
        ("0-5:1,2,3", "west,south,east,north in degrees"),
        ("0-5:1,2,3,e", "west,south,east,north in degrees"),
        ("0-5:nan,2,3,4", "written like 0-5"),
        ("5-0", "zoom levels are 0 .. 30, got 5 .. 0"),
        ("0-31", "zoom levels are 0 .. 30"),
        ("0-5:0,50,10,40", "south < north"),
    ],
)
def test_what_is_no_pyramid_is_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Pyramid.parse(text)


def test_its_first_tile_is_that_of_the_coarsest_level() -> None:
    assert next(Pyramid(30, area=Area.of_degrees(13, 52, 14, 53)).tiles()) == Tile(0, 0, 0)
