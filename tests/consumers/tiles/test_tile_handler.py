import io
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from PIL import Image
from redis.asyncio import Redis

from consumers.errors import PermanentError
from consumers.handler import Context
from consumers.handlers.tiles.dataerrors import (
    LayerNotFoundError,
    ObjectMissingError,
    ShardError,
    TimeNotFoundError,
)
from consumers.handlers.tiles.decoded import ShardCache
from consumers.handlers.tiles.errors import UnknownCrs, UnknownStyle
from consumers.handlers.tiles.handler import RenderTileHandler
from consumers.handlers.tiles.ingest import ingest_fields
from consumers.handlers.tiles.system import TileData, open_system
from producers.payloads.tiles import RenderTile
from producers.tilegrid import Tile, tile_bbox
from streams.cache import RedisCache
from tests.support.looks import TEMPERATURE, drawn_key
from tests.support.tiledata import REGION, RUN, make_field, open_tile_data, stored_files

CONTEXT = Context("job", "tiles.render", "tiles", 1, 3, 1, 0)
LAYER = "test_TMP_2m"


@pytest.fixture
async def data(tmp_path: Path) -> AsyncIterator[TileData]:
    async with open_tile_data(tmp_path) as data:
        fields = [
            make_field(hours=0),
            make_field(hours=6),
            make_field("UGRD", "10m", grid=REGION),
        ]
        await ingest_fields(fields, data.catalog, data.store)
        yield data


@pytest.fixture
def cache(client: Redis) -> RedisCache:
    return RedisCache(client)


@pytest.fixture
def handler(data: TileData, cache: RedisCache) -> RenderTileHandler:
    return RenderTileHandler(data.painter(lambda: RUN), cache, now=lambda: RUN)


def job(tile: Tile = Tile(1, 0, 0), layer: str = LAYER, **fields: Any) -> RenderTile:  # noqa: B008 - frozen
    crs = fields.get("crs", "EPSG:3857")
    bbox = tile_bbox(tile, crs) if crs in {"EPSG:3857", "EPSG:4326"} else tile_bbox(tile)
    return RenderTile(layer=layer, bbox=bbox, **{"style": "temperature", "time": RUN, **fields})


def pixels(png: bytes | None) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    assert png is not None
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGBA"))


async def test_a_tile_is_drawn_into_the_cache_under_its_documented_name(
    handler: RenderTileHandler, cache: RedisCache, client: Redis
) -> None:
    result = await handler(job(), CONTEXT)

    key = drawn_key(job(), RUN)
    png = await cache.get(key)
    assert result == {
        "key": key,
        "bytes": len(png or b""),
        "time": "2026-11-22T06:00:00Z",
        "reference_time": "2026-11-22T06:00:00Z",
        "covered": True,
    }
    assert pixels(png).shape == (256, 256, 4)
    assert 3500 < await client.ttl(key) <= 3600


async def test_every_pixel_has_the_colour_of_the_field_there(
    handler: RenderTileHandler, cache: RedisCache
) -> None:
    """The field is 300 - 40 (latitude / 90)^2: known everywhere without any grid."""
    tile = job(Tile(2, 1, 1), crs="EPSG:4326")
    await handler(tile, CONTEXT)

    drawn = pixels(await cache.get(drawn_key(tile, RUN)))

    lats = np.linspace(tile.bbox.max_y, tile.bbox.min_y, 513)[1::2]
    exact = (300 - 40 * (lats / 90) ** 2).astype(np.float32)
    style = TEMPERATURE
    indices = style.indices(np.repeat(exact[:, None], 256, axis=1))
    near = [style.palette[np.clip(indices.astype(int) + step, 1, 255)] for step in (-1, 0, 1)]
    assert np.any([(drawn == each).all(axis=2) for each in near], axis=0).all()


async def test_the_latest_is_kept_under_the_time_it_shows_and_as_latest_for_a_minute(
    handler: RenderTileHandler, cache: RedisCache, client: Redis
) -> None:
    tile = job(time=None)

    result = await handler(tile, CONTEXT)

    shown, latest = drawn_key(tile, RUN), drawn_key(tile, None)
    assert isinstance(result, dict)
    assert result["key"] == shown
    assert await cache.get(shown) == await cache.get(latest)
    assert await client.ttl(latest) <= 60


async def test_a_job_may_run_twice(handler: RenderTileHandler, cache: RedisCache) -> None:
    first = await handler(job(), CONTEXT)
    png = await cache.get(drawn_key(job(), RUN))

    assert await handler(job(), CONTEXT) == first
    assert await cache.get(drawn_key(job(), RUN)) == png


async def test_many_tiles_at_once_are_those_drawn_one_by_one(
    handler: RenderTileHandler, data: TileData
) -> None:
    tiles = [job(Tile(2, x, y)) for x in range(4) for y in range(4)]
    alone = [(await data.painter().paint(tile)).data for tile in tiles]
    together: dict[str, bytes] = {}

    async def paint(tile: RenderTile) -> None:
        together[drawn_key(tile, RUN)] = (await handler._painter.paint(tile)).data

    async with anyio.create_task_group() as tasks:
        for tile in tiles:
            tasks.start_soon(paint, tile)

    assert [together[drawn_key(tile, RUN)] for tile in tiles] == alone


async def test_a_tile_outside_of_the_grid_is_blank_and_reads_no_shard(
    handler: RenderTileHandler, cache: RedisCache, tmp_path: Path
) -> None:
    for path in stored_files(tmp_path):
        path.unlink()
    tile = job(Tile(2, 3, 3), "test_UGRD_10m")

    result = await handler(tile, CONTEXT)

    assert isinstance(result, dict)
    assert result["covered"] is False
    assert not pixels(await cache.get(drawn_key(tile, RUN))).any()


@pytest.mark.parametrize(
    ("fields", "error", "says"),
    [
        ({"layer": "test_TMP_3m"}, LayerNotFoundError, "did you mean test_TMP_2m"),
        ({"style": "temprature"}, UnknownStyle, "did you mean 'temperature'"),
        ({"crs": "EPSG:9999"}, UnknownCrs, "expected a code that PROJ knows"),
        ({"time": RUN + timedelta(hours=3)}, TimeNotFoundError, "2026-11-22T12:00:00Z"),
    ],
)
async def test_what_no_retry_can_help_is_permanent_and_names_what_exists(
    handler: RenderTileHandler, fields: dict[str, Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says) as caught:
        await handler(job(**fields), CONTEXT)

    assert isinstance(caught.value, PermanentError)


async def test_new_values_are_drawn_even_while_the_old_ones_are_remembered(
    handler: RenderTileHandler, data: TileData, cache: RedisCache
) -> None:
    await handler(job(), CONTEXT)
    before = await cache.get(drawn_key(job(), RUN))
    colder = make_field().values - 30

    await ingest_fields([make_field(values=colder)], data.catalog, data.store)
    handler._painter._reader._shards = ShardCache(data.store)
    await handler(job(), CONTEXT)

    assert await cache.get(drawn_key(job(), RUN)) != before


async def test_a_missing_shard_may_be_there_at_the_next_attempt(
    handler: RenderTileHandler, data: TileData, tmp_path: Path
) -> None:
    for path in stored_files(tmp_path):
        path.unlink()
    with pytest.raises(ObjectMissingError, match="ingest the file again") as caught:
        await handler(job(), CONTEXT)
    assert not isinstance(caught.value, PermanentError)

    await ingest_fields([make_field(hours=0)], data.catalog, data.store)

    assert await handler(job(), CONTEXT)


async def test_a_broken_shard_may_be_whole_at_the_next_attempt(
    handler: RenderTileHandler, data: TileData, tmp_path: Path
) -> None:
    for path in stored_files(tmp_path):
        path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ShardError, match="bytes of values") as caught:
        await handler(job(), CONTEXT)
    assert not isinstance(caught.value, PermanentError)

    await ingest_fields([make_field(hours=0)], data.catalog, data.store)

    assert await handler(job(), CONTEXT)


async def test_nothing_reaches_the_cache_when_a_tile_fails(
    handler: RenderTileHandler, client: Redis
) -> None:
    with pytest.raises(UnknownStyle):
        await handler(job(style="none"), CONTEXT)

    assert await client.dbsize() == 0


async def test_the_worker_opens_the_system_by_its_environment(
    data: TileData, cache: RedisCache, tmp_path: Path
) -> None:
    environment = {"MILLSTREAM_DATA_DIR": str(tmp_path)}
    async with open_system(cache, environment) as registry:
        assert list(registry) == ["tiles.render"]
        binding = registry.find("tiles.render")
        assert binding is not None
        assert binding.payload_type is RenderTile
        result = await binding.handler(job(), CONTEXT)

    assert isinstance(result, dict)
    assert await cache.get(str(result["key"])) == (await data.painter().paint(job())).data
