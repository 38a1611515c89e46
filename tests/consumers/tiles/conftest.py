"""Installations of the tile system, and files for them."""

from pathlib import Path

import anyio
import numpy as np
import pytest

from consumers.handlers.tiles.ingest import ingest_fields
from tests.support.tiledata import REGION, make_field, open_tile_data


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation of the test's own; nothing of the user's environment is looked at."""
    for name in ("DATABASE_URL", "MILLSTREAM_STORE", "S3_ENDPOINT", "S3_BUCKET", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MILLSTREAM_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def filled(folder: Path) -> Path:
    async def fill() -> None:
        async with open_tile_data(folder) as data:
            fields = [make_field(hours=0), make_field(hours=6), make_field("RH", grid=REGION)]
            await ingest_fields(fields, data.catalog, data.store)

    anyio.run(fill)
    return folder


@pytest.fixture
def forecast_file(tmp_path: Path) -> Path:
    pytest.importorskip("eccodes")
    from tests.support.gribfiles import (  # noqa: PLC0415 - an extra
        grib_message,
        regular_grid,
        write_grib,
    )

    values = np.arange(84, dtype=float).reshape(7, 12)
    keys = {**regular_grid(12, 7), "centre": "ecmf"}
    messages = [
        grib_message(values, keys={**keys, "shortName": name}) for name in ("10u", "10v", "2t")
    ]
    return write_grib(tmp_path / "forecast.grib2", messages)
