"""Tiles side by side, drawn as one picture and cut."""

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from consumers.batch import BatchJob
from consumers.handler import Context
from consumers.handlers.tiles.dataerrors import ObjectMissingError
from consumers.handlers.tiles.errors import OutOfAreaError, UnknownCrs, UnknownStyle
from consumers.handlers.tiles.grid import GeographicGrid
from consumers.handlers.tiles.handler import Picture, RenderTileHandler, TilePainter
from consumers.handlers.tiles.ingest import ingest_fields
from consumers.handlers.tiles.pixels import Target
from consumers.handlers.tiles.sheets import EDGE_TILES, block_of, sheets
from consumers.handlers.tiles.system import TileData
from producers.payloads.tiles import BoundingBox, RenderTile
from producers.tilegrid import WORLDS, Tile, tile_bbox
from producers.tilekey import tile_key
from streams.cache import RedisCache
from tests.consumers.tiles.grids import PROJECTIONS, field, picture, projected_grid, tiles
from tests.support.looks import LIBRARY
from tests.support.tiledata import REGION, RUN, make_field, open_tile_data, stored_files

CONTEXT = Context("job", "tiles.render", "tiles", 1, 3, 1, 0)
VERSION = LIBRARY.find("temperature").version
FINE = GeographicGrid(720, 361, 0.0, 90.0, 0.5, -0.5)


@pytest.fixture
async def data(tmp_path: Path) -> AsyncIterator[TileData]:
    async with open_tile_data(tmp_path) as data:
        grids = {name: projected_grid(name) for name in PROJECTIONS}
        fields = [
            make_field(grid=FINE, values=field(FINE, missing=True)),
            make_field("UGRD", "10m", grid=REGION),
            *(
                make_field("TMP", "2m", model=name, grid=grid, values=field(grid, missing=True))
                for name, grid in grids.items()
            ),
        ]
        await ingest_fields(fields, data.catalog, data.store)
        yield data


def job(
    tile: Tile, layer: str = "test_TMP_2m", crs: str = "EPSG:3857", **more: object
) -> RenderTile:
    wanted = {"layer": layer, "style": "temperature", "time": RUN, "crs": crs}
    return RenderTile.model_validate({**wanted, "bbox": tile_bbox(tile, crs), **more})


def block(z: int, x: int, y: int, edge: int = EDGE_TILES) -> list[Tile]:
    return [Tile(z, x + right, y + down) for down in range(edge) for right in range(edge)]


async def pngs(painter: TilePainter, wanted: list[RenderTile]) -> list[bytes]:
    drawn = await painter.paint_many(wanted)
    assert all(isinstance(each, Picture) for each in drawn)
    return [each.data for each in drawn if isinstance(each, Picture)]


@pytest.mark.parametrize("layer", ["test_TMP_2m", *(f"{name}_TMP_2m" for name in PROJECTIONS)])
@pytest.mark.parametrize("crs", ["EPSG:3857", "EPSG:4326"])
async def test_a_metatile_of_8_by_8_is_its_64_tiles_byte_for_byte(
    data: TileData, layer: str, crs: str
) -> None:
    wanted = [job(tile, layer, crs, width=64, height=64) for tile in block(3, 0, 0)]
    alone = [(await data.painter().paint(each)).data for each in wanted]

    assert await pngs(data.painter(), wanted) == alone
    assert len(set(alone)) > 3


async def test_tiles_of_a_polar_system_are_cut_from_rows_too(data: TileData) -> None:
    edge = 2.0**20
    boxes = [
        BoundingBox(min_x=x * edge, min_y=y * edge, max_x=(x + 1) * edge, max_y=(y + 1) * edge)
        for x in range(-2, 2)
        for y in range(-2, 2)
    ]
    wanted = [
        job(Tile(0, 0, 0)).model_copy(update={"crs": "EPSG:3413", "bbox": box}) for box in boxes
    ]
    alone = [(await data.painter().paint(each)).data for each in wanted]

    assert len(sheets([Target.of(each) for each in wanted])) == 4
    assert await pngs(data.painter(), wanted) == alone


async def test_what_lies_beside_the_grid_is_as_blank_as_alone(data: TileData) -> None:
    wanted = [job(tile, "test_UGRD_10m") for tile in block(3, 0, 0)]

    together = await data.painter().paint_many(wanted)

    for each, drawn in zip(wanted, together, strict=True):
        alone = await data.painter().paint(each)
        assert isinstance(drawn, Picture)
        assert (drawn.data, drawn.covered) == (alone.data, alone.covered)
    covered = [drawn.covered for drawn in together if isinstance(drawn, Picture)]
    assert 0 < sum(covered) < len(covered)


async def test_one_bad_job_spoils_no_other(data: TileData) -> None:
    good = [job(tile) for tile in block(3, 0, 0, 2)]
    bad = [
        job(Tile(3, 2, 0)).model_copy(update={"crs": "EPSG:9999"}),
        job(Tile(3, 2, 0), style="none"),
        job(Tile(0, 0, 0)).model_copy(update={"crs": "EPSG:3413"}),
    ]

    drawn = await data.painter().paint_many([good[0], bad[0], good[1], bad[1], good[2], bad[2]])

    errors = [type(each) for each in drawn if isinstance(each, Exception)]
    assert errors == [UnknownCrs, UnknownStyle, OutOfAreaError]
    assert sum(isinstance(each, Picture) for each in drawn) == 3


async def test_each_job_of_a_batch_has_its_own_result(data: TileData, client: Redis) -> None:
    cache = RedisCache(client)
    handler = RenderTileHandler(data.painter(), cache, now=lambda: RUN)
    wanted = [job(Tile(2, 0, 1)), job(Tile(2, 1, 1), style="none"), job(Tile(2, 1, 1), time=None)]

    results = await handler.many([BatchJob(each, CONTEXT) for each in wanted])

    assert isinstance(results[1], UnknownStyle)
    for number in (0, 2):
        assert results[number] == await handler(wanted[number], CONTEXT)
        assert await cache.get(tile_key(wanted[number], RUN, style_version=VERSION))
    assert await cache.get(tile_key(wanted[2], None, style_version=VERSION))


async def test_a_missing_shard_fails_those_that_need_it(data: TileData, tmp_path: Path) -> None:
    for path in stored_files(tmp_path):
        if "UGRD" in str(path):
            path.unlink()
    wanted = [
        job(Tile(3, 0, 1), "test_UGRD_10m"),
        job(Tile(3, 0, 1)),
        job(Tile(3, 6, 6), "test_UGRD_10m"),
    ]

    drawn = await data.painter().paint_many(wanted)

    assert isinstance(drawn[0], ObjectMissingError)
    assert isinstance(drawn[1], Picture)
    assert isinstance(drawn[2], Picture)
    assert not drawn[2].covered


@settings(deadline=None)
@given(st.lists(tiles(zoom_max=4), min_size=1, max_size=40), st.sampled_from([64, 256]))
def test_every_picture_is_in_one_row_where_it_belongs(
    drawn: list[tuple[Tile, str]], size_px: int
) -> None:
    targets = [picture(tile, crs, size_px=size_px) for tile, crs in drawn]

    rows = sheets(targets)

    assert sorted(number for row in rows for number in row.members) == [*range(len(targets))]
    for row in rows:
        assert len(row.members) <= EDGE_TILES
        x_axis, y_axis = row.target.axes()
        for place, number in enumerate(row.members):
            alone_x, alone_y = targets[number].axes()
            assert alone_y == y_axis
            np.testing.assert_array_equal(
                x_axis.strip(row.columns(place)).centres(), alone_x.centres()
            )


def test_a_full_block_is_eight_rows() -> None:
    rows = sheets([picture(tile) for tile in block(5, 8, 16)])

    assert [len(row.members) for row in rows] == [8] * 8


@pytest.mark.parametrize("crs", sorted(WORLDS))
@pytest.mark.parametrize("zoom", [4, 7, 18])
def test_jobs_of_a_block_have_one_key(crs: str, zoom: int) -> None:
    """Blocks count from the pyramid's corner, whatever the system's origin is."""
    keys = {block_of(job(tile, crs=crs)) for tile in block(zoom, 0, 0)}
    others = {
        block_of(job(Tile(zoom, 8, 0), crs=crs)),
        block_of(job(Tile(zoom, 0, 0), crs=crs, style="default")),
        block_of(job(Tile(zoom, 0, 0), crs=crs, width=512, height=512)),
        block_of(job(Tile(zoom, 0, 0), crs=crs, time=None)),
    }

    assert len(keys) == 1
    assert len(others - keys) == 4
