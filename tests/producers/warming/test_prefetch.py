"""Tiles beside one that somebody looks at."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.payloads.tiles import BoundingBox, RenderTile
from producers.tilegrid import RINGS_MAX, WORLDS, Tile, bbox_tile, tile_bbox
from producers.tilepriority import PREFETCH_PRIORITY
from producers.warming.prefetch import prefetch_neighbors
from producers.warming.tilejob import tile_job
from streams.priority import Priority


def looked_at(z: int, x: int, y: int, crs: str = "EPSG:3857") -> RenderTile:
    return RenderTile(
        layer="gfs_TMP_2m",
        style="temperature",
        crs=crs,
        bbox=tile_bbox(Tile(z, x, y), crs),
        width=512,
        height=512,
        time=datetime(2026, 1, 1, tzinfo=UTC),
        priority=200,
        id=UUID(int=1),
        enqueued_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


@settings(deadline=None)
@given(st.data(), st.integers(0, 5), st.integers(0, RINGS_MAX), st.sampled_from(sorted(WORLDS)))
def test_the_tiles_around_are_each_wanted_once_the_nearest_first(
    data: st.DataObject, z: int, rings: int, crs: str
) -> None:
    """Against every tile of the level: around the earth in x, up to the edge in y."""
    columns, rows = WORLDS[crs].columns << z, 1 << z
    centre = Tile(z, data.draw(st.integers(0, columns - 1)), data.draw(st.integers(0, rows - 1)))

    def steps(other: Tile) -> int:
        east = (other.x - centre.x) % columns
        return max(min(east, columns - east), abs(other.y - centre.y))

    wanted = prefetch_neighbors(looked_at(z, centre.x, centre.y, crs), rings)
    tiles = [bbox_tile(each.bbox, crs) for each in wanted]

    level = [Tile(z, x, y) for x in range(columns) for y in range(rows)]
    assert sorted(tiles) == sorted(other for other in level if 0 < steps(other) <= rings)
    assert [steps(tile) for tile in tiles] == sorted(map(steps, tiles))


def test_rings_go_on_over_the_dateline_and_end_at_the_pole() -> None:
    wanted = prefetch_neighbors(looked_at(3, 0, 0))

    assert [bbox_tile(each.bbox) for each in wanted] == [
        Tile(3, 7, 0),
        Tile(3, 1, 0),
        Tile(3, 7, 1),
        Tile(3, 0, 1),
        Tile(3, 1, 1),
    ]


def test_a_world_of_one_tile_has_nothing_around_it() -> None:
    assert prefetch_neighbors(looked_at(0, 0, 0), 3) == []


def test_what_is_fetched_before_it_is_asked_for_is_the_same_picture_and_less_urgent() -> None:
    """Its cache name is the one that a visitor's request will have."""
    [north, *_] = prefetch_neighbors(looked_at(4, 8, 8))
    asked = looked_at(4, 7, 7)

    assert tile_job(north).unique == tile_job(asked).unique
    assert tile_job(north).id != tile_job(asked).id
    assert north.priority == PREFETCH_PRIORITY
    assert Priority.of(north.priority) is Priority.NORMAL


def test_a_picture_that_is_no_tile_has_no_neighbours() -> None:
    tile = looked_at(3, 0, 0)
    other = tile.model_copy(update={"bbox": BoundingBox(min_x=0, min_y=0, max_x=5, max_y=7)})

    with pytest.raises(ValueError, match="is no tile of EPSG:3857"):
        prefetch_neighbors(other)
    with pytest.raises(ValueError, match="has no pyramid"):
        prefetch_neighbors(tile.model_copy(update={"crs": "EPSG:3413"}))
    with pytest.raises(ValueError, match=r"0 \.\. 16 rings"):
        prefetch_neighbors(tile, 17)
