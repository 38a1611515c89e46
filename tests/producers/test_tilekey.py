"""The name of a finished tile in the cache, and how long it is kept."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from producers.payloads.tiles import EXTENT_MIN, BoundingBox, RenderTile
from producers.tilegrid import Tile, tile_bbox_3857
from producers.tilekey import LATEST_TTL, tile_key, ttl_for

TIME = datetime(2024, 1, 1, 6, tzinfo=UTC)
COORDINATES = st.floats(-1e9, 1e9)


def job(bbox: BoundingBox, time: datetime | None = None) -> RenderTile:
    return RenderTile(layer="gfs_TMP_2m", style="temperature", bbox=bbox, time=time)


def test_the_name_is_the_documented_one() -> None:
    assert tile_key(job(tile_bbox_3857(Tile(1, 1, 0))), TIME) == (
        "millstream:tile:gfs_TMP_2m:temperature:EPSG:3857"
        ":0,0,20037508.342789244,20037508.342789244:256x256:20240101T060000Z:png"
    )


def test_the_version_of_a_style_and_the_scale_are_part_of_it() -> None:
    tile = job(tile_bbox_3857(Tile(1, 1, 0))).model_copy(update={"scale": 2, "format": "webp"})

    assert tile_key(tile, TIME, style_version="c570f4391c1c") == (
        "millstream:tile:gfs_TMP_2m:temperature@c570f4391c1c:EPSG:3857"
        ":0,0,20037508.342789244,20037508.342789244:256x256@2:20240101T060000Z:webp"
    )
    with pytest.raises(ValueError, match="illegal characters"):
        tile_key(tile, TIME, style_version="latest:png")


def test_the_newest_forecast_has_a_name_of_its_own() -> None:
    bbox = tile_bbox_3857(Tile(0, 0, 0))

    assert tile_key(job(bbox, time=TIME), None).endswith(":256x256:latest:png")
    assert tile_key(job(bbox), TIME) == tile_key(job(bbox, time=TIME), TIME)


def test_one_moment_has_one_name_in_every_time_zone() -> None:
    bbox = tile_bbox_3857(Tile(0, 0, 0))
    elsewhere = TIME.astimezone(timezone(timedelta(hours=5, minutes=30)))

    assert tile_key(job(bbox), elsewhere) == tile_key(job(bbox), TIME)
    assert tile_key(job(bbox), TIME + timedelta(microseconds=1)) != tile_key(job(bbox), TIME)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a time zone"):
        tile_key(job(tile_bbox_3857(Tile(0, 0, 0))), TIME.replace(tzinfo=None))


def test_zero_has_no_sign_and_integers_no_point() -> None:
    key = tile_key(job(BoundingBox(min_x=-0.0, min_y=-1e-12, max_x=180.0, max_y=90.5)), TIME)

    assert ":0,0,180,90.5:" in key


@settings(deadline=None)
@given(COORDINATES, COORDINATES, COORDINATES, COORDINATES)
def test_every_job_has_a_name_that_is_bounded_and_plain(
    a: float, b: float, c: float, d: float
) -> None:
    assume(abs(a - c) > EXTENT_MIN < abs(b - d))
    bbox = BoundingBox(min_x=min(a, c), min_y=min(b, d), max_x=max(a, c), max_y=max(b, d))

    key = tile_key(job(bbox), TIME)

    assert key.isascii()
    assert " " not in key
    assert len(key) < 200
    numbers = [float(text) for text in key.split(":")[6].split(",")]
    assert numbers == pytest.approx(
        [bbox.min_x, bbox.min_y, bbox.max_x, bbox.max_y], abs=1e-9, rel=1e-15
    )


def test_what_went_past_the_checks_of_the_payload_is_stopped_here() -> None:
    good = job(tile_bbox_3857(Tile(0, 0, 0)))
    smuggled = good.model_copy(update={"layer": "a:b\nFLUSHALL"})

    with pytest.raises(ValueError, match="illegal characters"):
        tile_key(smuggled, TIME)


def test_old_forecasts_are_kept_longer_because_no_run_replaces_them() -> None:
    ages = [timedelta(hours=hours) for hours in (-240, -1, 0, 5, 6, 47, 48, 10_000)]

    ttls = [ttl_for(TIME, TIME + age) for age in ages]

    assert ttls == sorted(ttls)
    assert LATEST_TTL < ttls[0] < ttls[-1]
