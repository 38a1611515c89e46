"""What a tile costs: drawn in this process, and end to end through the queue.

The forecast is the one that the program makes itself (0.5 degree, global). Each tile is
256 x 256 pixels in EPSG:3857. Warm means that the shards are decoded already.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import anyio
from redis.asyncio import Redis

from benchmarks.counting import commands, completed, require_all_ran, until_completed
from benchmarks.drawing import measure_drawing
from benchmarks.ground import server_to_start, told
from benchmarks.tilerace import race
from consumers.handlers.tiles.atmosphere import forecast
from consumers.handlers.tiles.decoded import ShardCache
from consumers.handlers.tiles.encoding import Indexed, encode
from consumers.handlers.tiles.ingest import ingest_fields
from consumers.handlers.tiles.mapping import MappingCache
from consumers.handlers.tiles.pixels import Target
from consumers.handlers.tiles.reading import Reader
from consumers.handlers.tiles.sample import Resampling
from consumers.handlers.tiles.system import TileData, open_data
from producers.client import Producer
from producers.payloads.tiles import RenderTile
from producers.tilegrid import bbox_tile
from producers.warming.tilejob import tile_job
from producers.warming.warm import warm_layer
from streams.embedded import EmbeddedServer
from streams.keys import Keys

KEYS = Keys("tiles")
RUN = datetime(2026, 1, 1, tzinfo=UTC)
LAYERS = (("demo_TMP_2m", "temperature"), ("demo_PRMSL_msl", "pressure"))
COLOURED = (
    ("demo_TMP_2m", "temperature"),
    ("demo_TMP_2m", "temperature_bands"),
    ("demo_APCP_surface", "precipitation"),
    ("demo_APCP_surface", "precipitation_bands"),
)
LAYERED = (
    ("demo_PRMSL_msl", "isobars"),
    ("demo_WIND_10m", "wind_barbs"),
    ("demo_WIND_10m", "wind_arrows"),
    ("demo_TMP_2m", "weather"),
    ("demo_TMP_2m", "data"),
)
LAYERED_ZOOM = 3
ZOOM_MAX = 4


def pyramid(layer: str, style: str) -> list[RenderTile]:
    """The 341 tiles of zooms 0 to 4."""
    return list(warm_layer(layer, style, ZOOM_MAX, time=RUN))


@contextmanager
def tile_worker(environment: Mapping[str, str], slots: int) -> Iterator[None]:
    """A worker process of the tile system for as long as the block lasts."""
    process = subprocess.Popen(
        [sys.executable, "-m", "consumers.cli", "tiles", "-c", str(slots), "--log-level", "error"],
        cwd=Path(__file__).parent.parent,
        env={**os.environ, **environment},
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=60)


async def draw_alone(data: TileData, rounds: int) -> None:
    """Draw the pyramid again and again in this process, one tile at a time."""
    painter = data.painter()
    for layer, style in LAYERS:
        tiles = pyramid(layer, style)
        for tile in tiles:
            await painter.paint(tile)
        times_ms: list[float] = []
        for _ in range(rounds):
            for tile in tiles:
                started = time.perf_counter()
                await painter.paint(tile)
                times_ms.append((time.perf_counter() - started) * 1000)
        p99 = statistics.quantiles(times_ms, n=100)[98]
        print(
            f"{f'{layer} {style}, drawn alone':42} p50 {statistics.median(times_ms):.2f} ms  "
            f"p99 {p99:.2f} ms  {1000 / statistics.mean(times_ms):6,.0f} tiles/s"
        )


async def draw_in_parts(data: TileData, rounds: int) -> None:
    """What colours and encoding take of a tile, and how large it is: zooms 0 to 4, warm."""
    reader = Reader(ShardCache(data.store), MappingCache())
    print(f"\n{'colours for values, ms a tile':42} {'sample':>8} {'colour':>8} {'encode':>8} bytes")
    for layer, style in COLOURED:
        found = await data.catalog.find(layer, RUN, now=RUN)
        colouring = data.styles.colouring(style, found.value_range)
        spent_ms: list[tuple[float, float, float]] = []
        sizes: list[int] = []
        for tile in pyramid(layer, style):
            cells = await reader.cells(found.dataset, Target.of(tile), Resampling.BILINEAR)
            if cells is None:
                continue
            picture = b""
            for _ in range(rounds):
                times = [time.perf_counter()]
                field = cells.field()
                times.append(time.perf_counter())
                indices = colouring.indices(field)
                times.append(time.perf_counter())
                picture = encode(Indexed(indices, colouring.palette), "png")
                times.append(time.perf_counter())
                sampled, coloured, encoded = (1000 * (b - a) for a, b in pairwise(times))
                spent_ms.append((sampled, coloured, encoded))
            sizes.append(len(picture))
        parts = "".join(f"{statistics.median(each):8.3f} " for each in zip(*spent_ms, strict=True))
        print(f"{f'{layer} {style}':42} {parts}{statistics.mean(sizes):5,.0f}")


async def draw_layers(data: TileData, rounds: int) -> None:
    """What lines, signs and several layers take: the tiles of zoom 3, warm."""
    painter = data.painter()
    print(f"\n{'lines, signs and layers, zoom 3':42}")
    for layer, style in LAYERED:
        tiles = [tile for tile in pyramid(layer, style) if bbox_tile(tile.bbox).z == LAYERED_ZOOM]
        times_ms: list[float] = []
        for number in range(rounds + 1):
            for tile in tiles:
                started = time.perf_counter()
                await painter.paint(tile)
                if number:
                    times_ms.append((time.perf_counter() - started) * 1000)
        p99 = statistics.quantiles(times_ms, n=100)[98]
        print(f"{f'{layer} {style}':42} p50 {statistics.median(times_ms):.1f} ms  p99 {p99:.1f} ms")


async def through_the_queue(
    client: Redis, url: str, environment: Mapping[str, str], slots: int, rounds: int
) -> None:
    """Warm the pyramid several times through one worker process; the first is the cold one."""
    tiles = pyramid(*LAYERS[0])
    await client.flushall()
    with tile_worker(environment, slots):
        async with Producer.connect(url, queue=KEYS.queue) as jobs:
            await jobs.enqueue_many(map(tile_job, tiles))
            await until_completed(client, KEYS, len(tiles))
            await client.config_resetstat()
            started = ended = time.perf_counter()
            done = await completed(client, KEYS)
            for number in range(2, rounds + 2):
                await jobs.enqueue_many(map(tile_job, tiles))
                ended = await until_completed(client, KEYS, number * len(tiles))
            calls, total = await commands(client)
    await require_all_ran(client, KEYS, (rounds + 1) * len(tiles))
    count = (rounds + 1) * len(tiles) - done
    rate = count / (ended - started)
    print(
        f"{f'queue to cache, one process, {slots} slots':42} {rate:6,.0f} tiles/s  "
        f"{calls / count:5.2f} calls, {total / count:5.1f} commands a tile"
    )


async def measure(url: str, directory: Path, rounds: int) -> None:
    """Make the forecast, then measure."""
    environment = {
        "REDIS_URL": url,
        "DATABASE_URL": f"sqlite:///{directory / 'catalog.sqlite'}",
        "MILLSTREAM_STORE": str(directory / "shards"),
        "MILLSTREAM_DATA_DIR": str(directory),
    }
    async with open_data(environment) as data:
        await ingest_fields(forecast(RUN, hours=(0,)), data.catalog, data.store)
        await draw_alone(data, rounds)
        await draw_in_parts(data, rounds)
        await draw_layers(data, rounds)
        await race(data, rounds, RUN)
    fields = {field.parameter: field for field in forecast(RUN, hours=(0,))}
    measure_drawing(fields, [Target.of(tile) for tile in pyramid(*LAYERS[1])], rounds)
    async with Redis.from_url(url) as client:
        for slots in (1, 4, 8, 64):
            await through_the_queue(client, url, environment, slots, rounds)


def main() -> None:
    """Measure on a Redis and a forecast of our own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often the 341 tiles are drawn")
    rounds = max(1, parser.parse_args().rounds)
    found, binary = server_to_start()
    print(f"{told(found)}\n")
    with (
        EmbeddedServer(binary) as server,
        tempfile.TemporaryDirectory(prefix="millstream-bench-") as directory,
    ):
        anyio.run(measure, server.url, Path(directory), rounds)


if __name__ == "__main__":
    main()
