"""Tiles that fill the cache before anyone asks."""

from collections import Counter
from datetime import UTC, datetime
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.errors import TooManyTilesError
from producers.tilearea import Area
from producers.tilegrid import Tile, bbox_tile, tile_bbox_4326
from producers.tilepriority import WARM_PRIORITY
from producers.warming.pyramid import Pyramid
from producers.warming.warm import TILES_MAX, warm, warm_layer

NIGHT, NOON = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_levels_0_to_4_are_341_tiles_the_coarse_ones_first() -> None:
    wanted = list(warm_layer("gfs_TMP_2m", "temperature", 4))
    tiles = [bbox_tile(each.bbox) for each in wanted]

    assert len(set(tiles)) == len(wanted) == 341
    assert Counter(tile.z for tile in tiles) == {0: 1, 1: 4, 2: 16, 3: 64, 4: 256}
    assert [tile.z for tile in tiles] == sorted(tile.z for tile in tiles)


def test_tiles_carry_what_was_asked_for() -> None:
    (tile,) = warm_layer("ifs_HGT_250mb", "default", 0, time=NIGHT, priority=7, size_px=512)

    assert (tile.layer, tile.style, tile.time) == ("ifs_HGT_250mb", "default", NIGHT)
    assert (tile.priority, tile.width, tile.height) == (7, 512, 512)


def test_warming_waits_behind_people() -> None:
    (tile,) = warm_layer("gfs_TMP_2m", "temperature", 0)

    assert tile.priority == WARM_PRIORITY < 100


def test_other_pyramids_and_levels_can_be_warmed() -> None:
    wanted = list(warm_layer("gfs_TMP_2m", "temperature", 1, min_zoom=1, crs="EPSG:4326"))

    assert len(wanted) == 8
    assert wanted[0].bbox == tile_bbox_4326(Tile(1, 0, 0))
    assert {tile.crs for tile in wanted} == {"EPSG:4326"}


def test_an_area_is_warmed_alone() -> None:
    europe = Area.of_degrees(-25, 34, 45, 72)

    tiles = [bbox_tile(each.bbox) for each in warm_layer("a", "b", 4, area=europe)]

    assert Counter(tile.z for tile in tiles) == {0: 1, 1: 2, 2: 4, 3: 6, 4: 16}
    assert {tile.x for tile in tiles if tile.z == 4} == {6, 7, 8, 9}


@given(st.integers(1, 3), st.integers(1, 3), st.integers(0, 3))
def test_every_style_and_time_has_every_tile_once_time_by_time(
    styles: int, times: int, zoom: int
) -> None:
    """So that the shards of a time are read once, whatever is drawn of them."""
    names = [f"style-{n}" for n in range(styles)]
    moments = [NIGHT.replace(hour=n) for n in range(times)]
    pyramid = Pyramid(zoom)

    wanted = list(warm("a", pyramid, styles=names, times=moments))

    assert len(wanted) == pyramid.count * styles * times
    assert len({(each.style, each.time, bbox_tile(each.bbox)) for each in wanted}) == len(wanted)
    assert [each.time for each in wanted] == sorted(each.time or NIGHT for each in wanted)


def test_a_deep_pyramid_costs_nothing_until_its_tiles_are_taken() -> None:
    wanted = warm_layer("gfs_TMP_2m", "temperature", 30, tiles_max=4**31)

    assert len(list(islice(wanted, 5))) == 5


def test_more_tiles_than_are_allowed_are_refused_with_both_numbers() -> None:
    with pytest.raises(TooManyTilesError, match=r"5592405 tiles, at most 2000000 are") as refused:
        warm_layer("gfs_TMP_2m", "temperature", 11)
    assert (refused.value.tiles, refused.value.tiles_max) == (5592405, TILES_MAX)

    with pytest.raises(TooManyTilesError, match="1364 tiles, at most 1363"):
        warm("a", Pyramid(4), styles=("b", "c"), times=(NIGHT, NOON), tiles_max=1363)


def test_what_is_wrong_is_refused_by_the_call() -> None:
    with pytest.raises(ValueError, match="zoom levels"):
        warm_layer("gfs_TMP_2m", "temperature", 31)
    with pytest.raises(ValueError, match="has no pyramid"):
        warm_layer("gfs_TMP_2m", "temperature", 1, crs="EPSG:3413")
    with pytest.raises(ValueError, match="style"):
        warm_layer("gfs_TMP_2m", "no style", 1)
