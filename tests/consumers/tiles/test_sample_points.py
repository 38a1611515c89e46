"""Real forecasts, drawn and compared with what another program reads from their files."""

import io
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from PIL import Image

from consumers.handlers.tiles.field import Field
from consumers.handlers.tiles.mapping import map_tile
from consumers.handlers.tiles.pixels import Target
from consumers.handlers.tiles.render import blank, render
from consumers.handlers.tiles.sample import bilinear
from consumers.handlers.tiles.styles.colouring import Colouring
from producers.payloads.tiles import BoundingBox
from producers.tilegrid import Tile
from tests.consumers.tiles.grids import Float32s, picture
from tests.support.looks import LIBRARY
from tests.support.oracle import crop, exact_field, exact_indices
from tests.support.sampledata import GRIDS, described_fields, needs_grids

pytestmark = needs_grids
grib = pytest.importorskip("consumers.handlers.tiles.grib")

GFS = "gfs_2p5_20110110t12z_f120.grib2"
ECMWF = "ecmwf_ifs_0p4_20240101t00z_gh250_gh700.grib2"
NAM = "nam211_80km_20180917t00z_anl.grib2"
HRRR = "hrrr_3km_20230722t06z_f01_temp_surface.grib2"
WAVES = "gfswave_atlocn_0p16_20230823t18z_f001.grib2"
RAGGED = "gfs_0p25_20260605t12z_f023_pv_temp_missing.grib2"
FILES = [
    GFS,
    ECMWF,
    NAM,
    HRRR,
    WAVES,
    RAGGED,
    "ncep_gaussian_t62_20040229t12z_f120_flux.grib2",
    "hrdps_rotated_20260219t00z_cape.grib2",
    "aqm_alaska_polarstereo_20240516t12z_o3.grib2",
    "aqm_hawaii_mercator_20240516t12z_o3.grib2",
]
STYLES = {"TMP": "temperature", "PRMSL": "pressure", "GUST": "wind_speed", "APCP": "precipitation"}
METRES = 20037508.342789244 / 180


@lru_cache(maxsize=2)
def read(file: str) -> list[Field]:
    fields = list(grib.read_fields(GRIDS / file))
    assert all(isinstance(field, Field) for field in fields)
    return fields


def style_of(field: Field) -> Colouring:
    value_range = float(np.nanmin(field.values)), float(np.nanmax(field.values))
    return LIBRARY.colouring(STYLES.get(field.parameter, "default"), value_range)


def sampled(field: Field, target: Target) -> Float32s:
    mapping = map_tile(field.grid, target)
    if mapping is None:
        return np.full((target.height_px, target.width_px), np.nan, dtype=np.float32)
    return bilinear(crop(field.values, mapping.window), mapping)


def around(point: dict[str, Any], crs: str) -> Target:
    """Three by three pixels, the centre of the middle one exactly at *point*."""
    lon, lat = (point["lon"] + 180) % 360 - 180, point["lat"]
    x, y, half = lon, lat, 0.003
    if crs == "EPSG:3857":
        y = np.degrees(np.arcsinh(np.tan(np.radians(lat))))
        x, y, half = x * METRES, y * METRES, half * METRES
    bbox = BoundingBox(min_x=x - half, min_y=y - half, max_x=x + half, max_y=y + half)
    return Target(crs, bbox, 3, 3)


def samples(file: str) -> Iterator[tuple[Field, dict[str, Any]]]:
    for field, described in zip(read(file), described_fields(file), strict=True):
        for point in described["sample_points"]:
            yield field, point


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("crs", ["EPSG:3857", "EPSG:4326"])
def test_at_a_point_of_the_grid_the_tile_has_the_value_of_the_file(file: str, crs: str) -> None:
    seen = 0
    for field, point in samples(file):
        if crs == "EPSG:3857" and abs(point["lat"]) > 85:
            continue
        style = style_of(field)
        middle = sampled(field, around(point, crs))[1, 1]
        if point["value"] is None:
            assert np.isnan(middle)
            continue
        drawn = int(style.indices(np.array([middle]))[0])
        exact = int(exact_indices(style, np.array([point["value"]]))[0])
        assert abs(drawn - exact) <= 1, (field.name, point, float(middle))
        seen += 1
    assert seen >= 3


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize(("crs", "zoom"), [("EPSG:3857", 3), ("EPSG:3857", 6), ("EPSG:4326", 4)])
def test_every_pixel_of_the_tiles_at_the_points_has_the_colour_of_the_slow_way(
    file: str, crs: str, zoom: int
) -> None:
    """Never more than one colour off, and the same for 99.9 % of the pixels."""
    field = read(file)[0]
    style = style_of(field)
    tiles = {
        tile_at(point, crs, zoom)
        for point in described_fields(file)[0]["sample_points"]
        if abs(point["lat"]) < 85
    }
    for tile in sorted(tiles)[:4]:
        target = picture(tile, crs, size_px=256)

        fast = style.indices(sampled(field, target)).astype(int)

        slow = exact_indices(style, exact_field(field.values, field.grid, target))
        here = (fast > 0) & (slow > 0)
        assert np.abs(fast - slow)[here].max(initial=0) <= 1
        assert (fast != slow).sum() <= 0.001 * fast.size


def tile_at(point: dict[str, Any], crs: str, zoom: int) -> Tile:
    east = (point["lon"] + 180) % 360 / 360
    if crs == "EPSG:4326":
        return Tile(zoom, int(east * 2 ** (zoom + 1)), int((90 - point["lat"]) / 180 * 2**zoom))
    south = (1 - np.arcsinh(np.tan(np.radians(point["lat"]))) / np.pi) / 2
    return Tile(zoom, int(east * 2**zoom), int(south * 2**zoom))


@pytest.mark.parametrize("file", [GFS, ECMWF])
@pytest.mark.parametrize("zoom", [1, 4])
def test_there_is_no_seam_at_the_dateline(file: str, zoom: int) -> None:
    """From one side to the other a value changes no more than beside it."""
    for field in read(file):
        if np.isnan(field.values).any():
            continue
        for y in range(1 << zoom):
            east = sampled(field, picture(Tile(zoom, (1 << zoom) - 1, y)))
            west = sampled(field, picture(Tile(zoom, 0, y)))

            assert not np.isnan(east).any()
            assert not np.isnan(west).any()
            across = np.abs(west[:, 0] - east[:, -1])
            beside = np.abs(np.diff(np.hstack((east[:, -20:], west[:, :20])), axis=1))
            beside = np.delete(beside, 19, axis=1).max(axis=1)
            assert (across <= 1.5 * beside + 1e-3 * np.ptp(field.values)).all()


@pytest.mark.parametrize("file", [WAVES, RAGGED])
def test_missing_is_transparent_and_nothing_of_it_shows(file: str) -> None:
    for field in read(file):
        style = style_of(field)
        mapping = map_tile(field.grid, picture(Tile(2, 1, 1)))
        assert mapping is not None
        values = crop(field.values, mapping.window)

        field_values = bilinear(values, mapping)
        png = render(values, mapping, style)

        with Image.open(io.BytesIO(png)) as image:
            opacity = np.asarray(image.convert("RGBA"))[:, :, 3]
        np.testing.assert_array_equal(opacity == 0, np.isnan(field_values))
        assert 0 < (opacity == 0).mean() < 1
        assert np.nanmin(field_values) >= np.nanmin(field.values) - 1e-3
        assert np.nanmax(field_values) <= np.nanmax(field.values) + 1e-3


@pytest.mark.parametrize("file", [NAM, HRRR, WAVES])
def test_a_regional_forecast_leaves_the_rest_of_the_world_blank(file: str) -> None:
    field = read(file)[0]

    assert map_tile(field.grid, picture(Tile(3, 6, 2))) is None
    with Image.open(io.BytesIO(blank(256, 256))) as image:
        assert not np.asarray(image.convert("RGBA")).any()
