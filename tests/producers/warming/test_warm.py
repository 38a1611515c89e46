"""Jobs that fill the cache before anyone asks."""

from collections import Counter
from datetime import UTC, datetime
from itertools import islice

import pytest

from producers.tilegrid import Tile, bbox_tile, tile_bbox_4326
from producers.warming.warm import WARM_PRIORITY, warm_layer


def test_levels_0_to_4_are_341_jobs_the_coarse_ones_first() -> None:
    jobs = list(warm_layer("gfs_TMP_2m", "temperature", 4))
    tiles = [bbox_tile(job.bbox) for job in jobs]

    assert len(set(tiles)) == len(jobs) == 341
    assert Counter(tile.z for tile in tiles) == {0: 1, 1: 4, 2: 16, 3: 64, 4: 256}
    assert [tile.z for tile in tiles] == sorted(tile.z for tile in tiles)


def test_jobs_carry_what_was_asked_for() -> None:
    time = datetime(2024, 1, 1, tzinfo=UTC)

    (job,) = warm_layer(
        "ifs_HGT_250mb", "default", 0, time=time, priority=7, crs="EPSG:3857", size_px=512
    )

    assert (job.layer, job.style, job.time) == ("ifs_HGT_250mb", "default", time)
    assert (job.priority, job.width, job.height) == (7, 512, 512)


def test_warming_waits_behind_people() -> None:
    (job,) = warm_layer("gfs_TMP_2m", "temperature", 0)

    assert job.priority == WARM_PRIORITY < 100


def test_other_pyramids_and_levels_can_be_warmed() -> None:
    jobs = list(warm_layer("gfs_TMP_2m", "temperature", 1, min_zoom=1, crs="EPSG:4326"))

    assert len(jobs) == 8
    assert jobs[0].bbox == tile_bbox_4326(Tile(1, 0, 0))


def test_a_deep_pyramid_costs_nothing_until_its_jobs_are_taken() -> None:
    assert len(list(islice(warm_layer("gfs_TMP_2m", "temperature", 30), 5))) == 5


def test_wrong_levels_are_refused_by_the_call() -> None:
    with pytest.raises(ValueError, match="zoom levels"):
        warm_layer("gfs_TMP_2m", "temperature", 31)
    with pytest.raises(ValueError, match="has no pyramid"):
        warm_layer("gfs_TMP_2m", "temperature", 1, crs="EPSG:3413")
