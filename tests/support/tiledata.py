"""A catalog and a store with a few small layers, for tests of the tile system."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt

from consumers.handlers.tiles.field import Field
from consumers.handlers.tiles.grid import GeographicGrid, Grid
from consumers.handlers.tiles.system import TileData, open_data

RUN = datetime(2026, 11, 22, 6, tzinfo=UTC)

#: A grid around the earth, five degrees apart.
GRID = GeographicGrid(72, 37, 0.0, 90.0, 5.0, -5.0)

#: The same in the north-west quarter of the earth only.
REGION = GeographicGrid(36, 19, 180.0, 90.0, 5.0, -5.0)


def make_field(
    parameter: str = "TMP",
    level: str = "2m",
    *,
    model: str | None = "test",
    hours: float = 0,
    run: datetime = RUN,
    grid: Grid = GRID,
    values: npt.NDArray[np.float32] | None = None,
    units: str = "K",
) -> Field:
    """A field; by default a temperature that falls from the equator to the poles."""
    if values is None:
        rows = np.linspace(-1, 1, grid.ny)[:, None]
        values = np.broadcast_to(300 - 40 * rows**2, (grid.ny, grid.nx)).astype(np.float32)
    return Field(
        model=model,
        parameter=parameter,
        level=level,
        units=units,
        grid=grid,
        reference_time=run,
        forecast=timedelta(hours=hours),
        values=values,
    )


@asynccontextmanager
async def open_tile_data(folder: Path) -> AsyncGenerator[TileData]:
    """An installation in *folder*: SQLite and a directory of shards."""
    async with open_data({"MILLSTREAM_DATA_DIR": str(folder)}) as data:
        yield data


def stored_files(folder: Path) -> list[Path]:
    """Every shard of the installation in *folder*."""
    return sorted(path for path in (folder / "shards").rglob("*") if path.is_file())
