"""How much memory a worker of tiles needs: 10,000 tiles over twenty layers, in one process."""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import numpy as np

from consumers.handlers.tiles.field import Field
from consumers.handlers.tiles.grid import GeographicGrid, Grid, ProjectedGrid
from consumers.handlers.tiles.ingest import ingest_fields
from consumers.handlers.tiles.system import open_data
from producers.payloads.tiles import RenderTile
from producers.tilegrid import Tile, tile_bbox

RUN = datetime(2026, 1, 1, tzinfo=UTC)
LAYERS = 20
TILES = 10_000
BATCH = 64

GLOBAL = GeographicGrid(1440, 721, 0.0, 90.0, 0.25, -0.25)
HRRR = ProjectedGrid(
    1799,
    1059,
    "+proj=lcc +lat_1=38.5 +lat_2=38.5 +lat_0=38.5 +lon_0=262.5 +R=6371229",
    -2_697_520.0,
    -1_587_306.0,
    3000.0,
    3000.0,
)


def fields() -> list[Field]:
    """Ten layers of a global model at 0.25 degrees, and ten of HRRR's grid."""
    return [_field(number, GLOBAL if number % 2 else HRRR) for number in range(LAYERS)]


def jobs(count: int) -> list[RenderTile]:
    """Blocks of tiles all over the map, at zooms 3 to 8, of one layer after the other."""
    random = np.random.default_rng(1)
    found: list[RenderTile] = []
    while len(found) < count:
        zoom, number = int(random.integers(3, 9)), len(found) // BATCH % LAYERS
        x, y = (int(random.integers(0, (1 << zoom) // 8)) * 8 for _ in range(2))
        if number % 2 == 0:
            x, y = (1 << zoom) * 3 // 16 // 8 * 8, (1 << zoom) * 3 // 8 // 8 * 8
        found += [
            RenderTile(
                layer=f"memory_V{number}_surface",
                style="default",
                bbox=tile_bbox(Tile(zoom, x + right, y + down)),
                time=RUN,
            )
            for down in range(8)
            for right in range(8)
        ]
    return found[:count]


async def store() -> None:
    """Make the layers."""
    async with open_data(os.environ) as data:
        for field in fields():
            await ingest_fields([field], data.catalog, data.store)


async def draw(count: int) -> None:
    """Draw, and say how large the process has been at most."""
    async with open_data(os.environ) as data:
        painter = data.painter()
        started = time.perf_counter()
        wanted = jobs(count)
        for start in range(0, len(wanted), BATCH):
            for outcome in await painter.paint_many(wanted[start : start + BATCH]):
                if isinstance(outcome, Exception):
                    raise outcome
        spent_s = time.perf_counter() - started
    print(f"{count:,} tiles of {LAYERS} layers in {spent_s:.1f} s: at most {peak_mb():.0f} MB")


def peak_mb() -> float:
    """The largest resident size of this process so far."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise SystemExit("this system does not tell how large a process has been")


def _field(number: int, grid: Grid) -> Field:
    random = np.random.default_rng(number)
    rows, cols = np.mgrid[0 : grid.ny, 0 : grid.nx].astype(np.float32)
    waves = np.sin(cols / grid.nx * 8 * np.pi + number) * np.cos(rows / grid.ny * 5 * np.pi)
    values = 280 + 20 * waves + random.normal(0, 0.3, waves.shape)
    return Field(
        model="memory",
        parameter=f"V{number}",
        level="surface",
        units="K",
        grid=grid,
        reference_time=RUN,
        forecast=timedelta(0),
        values=values.astype(np.float32),
    )


def main() -> None:
    """Draw 10,000 tiles, or as many as asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiles", type=int, default=TILES)
    parser.add_argument("--stored", action="store_true", help="the layers are there already")
    asked = parser.parse_args()
    if asked.stored:
        anyio.run(draw, max(1, asked.tiles))
        return
    with tempfile.TemporaryDirectory(prefix="millstream-bench-") as folder:
        os.environ["MILLSTREAM_DATA_DIR"] = folder
        anyio.run(store)
        # A process of its own, as a worker is one: storing takes memory, too.
        again = [sys.executable, "-m", "benchmarks.tilememory", "--stored"]
        subprocess.run([*again, "--tiles", str(asked.tiles)], check=True)


if __name__ == "__main__":
    main()
