"""Where the pixels of a picture lie on the earth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumers.handlers.tiles.errors import UnknownCrs
from consumers.handlers.tiles.pixels import Target
from producers.payloads.tiles import BoundingBox, RenderTile
from producers.tilegrid import Tile, tile_bbox
from tests.consumers.tiles.grids import areas, picture, tiles
from tests.support.oracle import centres_deg


@settings(deadline=None)
@given(st.one_of(areas(), tiles(zoom_max=22).map(lambda drawn: picture(*drawn, size_px=64))))
def test_pixels_sample_the_points_at_their_centres(target: Target) -> None:
    x_axis, y_axis = target.axes()
    lons, lats = centres_deg(target)
    here = np.abs(lats[:, 0]) <= 90
    hundred_thousandth_px = [1e-5 * 360 / axis.world_px for axis in (x_axis, y_axis)]

    longitudes = target.longitudes_deg(x_axis.centres())
    latitudes = target.latitudes_deg(y_axis.centres())

    np.testing.assert_allclose(longitudes, lons[0], atol=1e-9 + hundred_thousandth_px[0])
    np.testing.assert_allclose(latitudes[here], lats[here, 0], atol=1e-9 + hundred_thousandth_px[1])


@settings(deadline=None)
@given(tiles(zoom_max=23))
def test_four_tiles_sample_the_points_of_the_large_one_to_the_last_bit(
    drawn: tuple[Tile, str],
) -> None:
    tile, crs = drawn
    large = picture(tile, crs, size_px=512).axes()
    for dx in (0, 1):
        for dy in (0, 1):
            small = picture(Tile(tile.z + 1, 2 * tile.x + dx, 2 * tile.y + dy), crs).axes()
            for whole, quarter, half in zip(large, small, (dx, dy), strict=True):
                np.testing.assert_array_equal(
                    whole.centres()[256 * half :][:256], quarter.centres()
                )


@settings(deadline=None)
@given(tiles(zoom_max=20), st.integers(2, 5))
def test_a_metatile_of_any_edge_samples_the_points_of_its_tiles(
    drawn: tuple[Tile, str], edge: int
) -> None:
    tile, crs = drawn
    box = tile_bbox(tile, crs)
    metatile = Target(
        crs,
        box.model_copy(update={"max_x": box.min_x + edge * (box.max_x - box.min_x)}),
        256 * edge,
        256,
    )

    np.testing.assert_array_equal(
        metatile.axes()[0].centres()[:256], picture(tile, crs).axes()[0].centres()
    )


def test_a_strip_of_an_axis_is_a_part_of_its_pixels() -> None:
    _, axis = picture(Tile(3, 2, 5)).axes()

    np.testing.assert_array_equal(axis.strip(slice(64, 128)).centres(), axis.centres()[64:128])
    np.testing.assert_array_equal(axis.strip(slice(192, 999)).centres(), axis.centres()[192:])


def test_there_is_nothing_beyond_the_poles() -> None:
    bbox = BoundingBox(min_x=0, min_y=80, max_x=20, max_y=100)
    target = Target("EPSG:4326", bbox, 4, 4)

    latitudes = target.latitudes_deg(target.axes()[1].centres())

    assert np.isnan(latitudes).tolist() == [True, True, False, False]


def test_mercator_far_outside_of_its_square_stays_at_the_pole() -> None:
    bbox = BoundingBox(min_x=-1e9, min_y=-1e9, max_x=1e9, max_y=1e9)
    target = Target("EPSG:3857", bbox, 8, 8)

    latitudes = target.latitudes_deg(target.axes()[1].centres())

    assert latitudes[0] == pytest.approx(90)
    assert latitudes[-1] == pytest.approx(-90)


def test_an_unknown_system_is_refused_with_an_example() -> None:
    job = RenderTile(layer="gfs_TMP_2m", crs="EPSG:9999", bbox=tile_bbox(Tile(0, 0, 0)))

    with pytest.raises(UnknownCrs, match="such as EPSG:3857"):
        Target.of(job)
