"""Our tiles beside those of rio-tiler: the same grid, the same tiles, one thread each.

Ours are timed with everything decoded and every tile's geometry known ("warm"), and once
more without the geometry. rio-tiler reads the grid from a local GeoTIFF with overviews that
is open; GDAL's cache keeps its blocks. Both encode PNG; ours has a palette, rio-tiler's has
four bytes a pixel, as it writes them where a colour map is given.
"""

import json
import os
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.race.environments import LeftOutError, python_with
from consumers.handlers.tiles.atmosphere import forecast
from consumers.handlers.tiles.field import Field
from consumers.handlers.tiles.grid import GeographicGrid, ProjectedGrid
from consumers.handlers.tiles.ingest import ingest_fields
from consumers.handlers.tiles.styles.library import open_library
from consumers.handlers.tiles.system import TileData
from producers.payloads.tiles import RenderTile
from producers.tilegrid import Tile, tile_bbox

PEER = ("rio-tiler==9.4.0",)
PEER_S = 600
GRIDS = Path(__file__).parents[2] / "shared" / "data" / "grids"
#: Tiles along an edge of a case, side by side around its middle.
EDGE = 6


@dataclass(frozen=True, slots=True)
class Case:
    """A grid with values, and the tiles to draw of it."""

    name: str
    field: Field
    style: str
    middle: Tile
    edge: int = EDGE

    @property
    def tiles(self) -> list[Tile]:
        """A square of tiles around the middle."""
        left, top = self.middle.x - self.edge // 2, self.middle.y - self.edge // 2
        return [
            Tile(self.middle.z, left + right, top + down)
            for down in range(self.edge)
            for right in range(self.edge)
        ]

    def jobs(self) -> list[RenderTile]:
        """The tiles as jobs."""
        return [
            RenderTile(
                layer=f"race_{self.field.parameter}_{self.field.level}",
                style=self.style,
                bbox=tile_bbox(tile),
                time=self.field.valid_time,
            )
            for tile in self.tiles
        ]


def cases(run_time: Any) -> list[Case]:
    """The global forecast of our own, and a field of HRRR's size and projection."""
    found = [
        Case("0.5 degree lat/lon, zoom 4", _named(field), "temperature", Tile(4, 8, 6))
        for field in forecast(run_time, hours=(0,))
        if field.parameter == "TMP"
    ]
    try:
        from consumers.handlers.tiles import grib  # noqa: PLC0415 - an extra

        [ecmwf, *_] = grib.read_fields(GRIDS / "ecmwf_ifs_0p4_20240101t00z_gh250_gh700.grib2")
        [hrrr] = grib.read_fields(GRIDS / "hrrr_3km_20230722t06z_f01_temp_surface.grib2")
    except (ImportError, OSError):
        return found
    if not (isinstance(ecmwf, Field) and isinstance(hrrr, Field)):
        return found
    return [
        *found,
        Case("IFS 0.4 degree, zoom 4", _named(ecmwf), "height", Tile(4, 8, 6)),
        Case("HRRR Lambert 3 km, zoom 6", _named(hrrr), "temperature", Tile(6, 15, 24)),
        Case("HRRR Lambert 3 km, zoom 4", _named(hrrr, "low"), "temperature", Tile(4, 4, 6), 2),
    ]


async def race(data: TileData, rounds: int, run_time: Any) -> None:
    """Draw every case with both, and print medians and ratios."""
    head = ("ours", "p99", "no geometry", "64 alone", "8 x 8", "rio-tiler", "ratio", "kB")
    print(f"\n{'ms a tile, one thread':28} " + " ".join(f"{each:>11}" for each in head))
    for case in cases(run_time):
        await ingest_fields([case.field], data.catalog, data.store)
        painter = data.painter()
        times_ms, size = await _timed(painter, case.jobs(), rounds)
        cold_ms = statistics.median(
            [
                each
                for _ in range(rounds)
                for each in (await _timed(data.painter(), case.jobs(), 0))[0]
            ]
        )
        alone_ms, together_ms = await _metatile(data, case, rounds)
        ours_ms = statistics.median(times_ms)
        try:
            peer = _peer(case, rounds)
        except LeftOutError as error:
            beside = f"left out: {error}"
        else:
            theirs_ms = statistics.median(peer["times_ms"])
            sizes = f"{size / 1000:.1f}/{peer['bytes'] / 1000:.1f}"
            beside = f"{theirs_ms:11.2f} {theirs_ms / ours_ms:10.1f}x {sizes:>11}"
        p99 = statistics.quantiles(times_ms, n=100)[98]
        print(
            f"{case.name:28} {ours_ms:11.3f} {p99:11.3f} {cold_ms:11.3f} {alone_ms:11.3f} "
            f"{together_ms:11.3f} {beside}"
        )


async def _timed(painter: Any, jobs: list[RenderTile], rounds: int) -> tuple[list[float], float]:
    """Every time of *rounds* after a first one; of the first one where *rounds* is 0."""
    times_ms: list[float] = []
    size = 0
    for number in range(rounds + 1):
        for job in jobs:
            started = time.perf_counter()
            picture = await painter.paint(job)
            if number or not rounds:
                times_ms.append(1000 * (time.perf_counter() - started))
                size += len(picture.data)
    return times_ms, size / len(times_ms)


async def _metatile(data: TileData, case: Case, rounds: int) -> tuple[float, float]:
    """A block of 64 tiles, one by one and together: the least time a tile of each."""
    left, top = case.middle.x // 8 * 8, case.middle.y // 8 * 8
    jobs = [
        job.model_copy(update={"bbox": tile_bbox(Tile(case.middle.z, left + x, top + y))})
        for y in range(8)
        for x in range(8)
        for job in case.jobs()[:1]
    ]
    painter = data.painter()
    alone: list[float] = []
    together: list[float] = []
    for _ in range(max(rounds, 3) + 1):
        started = time.perf_counter()
        for job in jobs:
            await painter.paint(job)
        alone.append(time.perf_counter() - started)
        started = time.perf_counter()
        await painter.paint_many(jobs)
        together.append(time.perf_counter() - started)
    return 1000 * statistics.median(alone[1:]) / 64, 1000 * statistics.median(together[1:]) / 64


def _peer(case: Case, rounds: int) -> dict[str, Any]:
    python = python_with(PEER, "rio-tiler")
    value_range = float(np.nanmin(case.field.values)), float(np.nanmax(case.field.values))
    colouring = open_library(None).colouring(case.style, value_range)
    thresholds = colouring.bands.thresholds
    with tempfile.NamedTemporaryFile(suffix=".npy") as file:
        values, crs, transform = _as_raster(case.field)
        np.save(file, values)
        file.flush()
        told = {
            "values": file.name,
            "crs": crs,
            "transform": transform,
            "range": [float(thresholds[0]), float(thresholds[-1])],
            "palette": np.resize(colouring.palette, (256, 4)).tolist(),
            "tiles": [[tile.z, tile.x, tile.y] for tile in case.tiles],
            "rounds": min(rounds, 3),
        }
        done = subprocess.run(
            [str(python), str(Path(__file__).with_name("tilepeer.py"))],
            input=json.dumps(told),
            capture_output=True,
            text=True,
            timeout=PEER_S,
            check=False,
            env={**os.environ, "GDAL_NUM_THREADS": "1", "GDAL_CACHEMAX": "512"},
        )
    if done.returncode:
        raise LeftOutError((done.stderr.splitlines() or ["it failed"])[-1])
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _as_raster(field: Field) -> tuple[Any, str, list[float]]:
    """Values from north to south and -180 to 180, the system, and an affine transform."""
    grid, values = field.grid, field.values
    if isinstance(grid, GeographicGrid):
        shift = round((grid.lon0_deg + 180) / grid.dlon_deg) % grid.nx
        values = np.roll(values, shift, axis=1)
        west = -180 - grid.dlon_deg / 2
        north = grid.lat0_deg - grid.dlat_deg / 2
        return values, "EPSG:4326", [grid.dlon_deg, 0, west, 0, grid.dlat_deg, north]
    if not isinstance(grid, ProjectedGrid):
        raise LeftOutError("its grid is of another form")
    top = grid.y0_m + (grid.ny - 1) * grid.dy_m
    west, north = grid.x0_m - grid.dx_m / 2, top + grid.dy_m / 2
    return values[::-1].copy(), grid.proj, [grid.dx_m, 0, west, 0, -grid.dy_m, north]


def _named(field: Field, level: str | None = None) -> Field:
    return Field(
        model="race",
        parameter=field.parameter,
        level=level or field.level,
        units=field.units,
        grid=field.grid,
        reference_time=field.reference_time,
        forecast=timedelta(0),
        values=field.values,
    )
