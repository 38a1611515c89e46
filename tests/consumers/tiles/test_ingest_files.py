"""Whole files: the ones that tests write themselves, and real ones where they are there."""

from pathlib import Path

import numpy as np
import pytest

from consumers.handlers.tiles.dataerrors import GribError, IngestError
from consumers.handlers.tiles.ingest import ingest_file
from tests.support.sampledata import GRIDS, needs_grids
from tests.support.tiledata import RUN, open_tile_data, stored_files

pytest.importorskip("eccodes")

from tests.support.gribfiles import grib_message, regular_grid, write_grib


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Temperature and wind of a centre that nobody knows."""
    keys = {**regular_grid(12, 7), "centre": 255}
    numbers = np.arange(84, dtype=float).reshape(7, 12)
    messages = [
        grib_message(numbers + 250, keys={**keys, "shortName": name}, run=RUN)
        for name in ("2t", "10u", "10v")
    ]
    return write_grib(tmp_path / "wrf_d01.grib2", messages)


@pytest.fixture
def half(file: Path) -> Path:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    return file


@pytest.fixture
def damaged(file: Path) -> Path:
    """The number of values in the last section 5 no longer fits the grid."""
    data = file.read_bytes()
    at = data.rindex(b"\x00\x00\x00\x15\x05") + 5
    file.write_bytes(data[:at] + b"\x00\x00\x00\x03" + data[at + 4 :])
    return file


async def test_the_model_is_the_given_one_or_the_files_first_word(
    file: Path, tmp_path: Path
) -> None:
    async with open_tile_data(tmp_path / "data") as data:
        guessed = await ingest_file(file, data.catalog, data.store)
        given = await ingest_file(file, data.catalog, data.store, model="mine")

    names = ["TMP_2m", "UGRD_10m", "VGRD_10m", "WIND_10m"]
    assert [each.layer for each in guessed.datasets] == [f"wrf_{name}" for name in names]
    assert [each.layer for each in given.datasets] == [f"mine_{name}" for name in names]


async def test_a_file_cut_in_half_leaves_nothing_and_says_how_much_is_whole(
    half: Path, tmp_path: Path
) -> None:
    async with open_tile_data(tmp_path / "data") as data:
        with pytest.raises(GribError, match="is not whole: 1 message is complete"):
            await ingest_file(half, data.catalog, data.store)

        assert await data.catalog.layers() == []
        assert stored_files(tmp_path / "data") == []


async def test_a_file_with_damaged_values_leaves_nothing(damaged: Path, tmp_path: Path) -> None:
    async with open_tile_data(tmp_path / "data") as data:
        with pytest.raises(GribError, match="field 3 cannot be decoded"):
            await ingest_file(damaged, data.catalog, data.store)

        assert await data.catalog.layers() == []
        assert stored_files(tmp_path / "data") == []


async def test_a_file_without_a_usable_grid_is_refused_by_the_grids_name(tmp_path: Path) -> None:
    file = write_grib(tmp_path / "f", [grib_message(sample="reduced_gg_sfc_grib2")])
    async with open_tile_data(tmp_path / "data") as data:
        with pytest.raises(IngestError, match="grid is of the type 'reduced_gg'"):
            await ingest_file(file, data.catalog, data.store)


async def test_a_field_that_cannot_be_used_does_not_stop_the_others(
    file: Path, tmp_path: Path
) -> None:
    both = write_grib(tmp_path / "wrf", [_bytes(file), grib_message(sample="reduced_gg_sfc_grib2")])
    async with open_tile_data(tmp_path / "data") as data:
        report = await ingest_file(both, data.catalog, data.store)

    assert len(report.datasets) == 4
    assert [each.reason.startswith("its grid is of the type") for each in report.skipped] == [True]


async def test_a_wrong_model_is_refused_before_the_file_is_read(tmp_path: Path) -> None:
    async with open_tile_data(tmp_path / "data") as data:
        with pytest.raises(IngestError, match="no model name"):
            await ingest_file(tmp_path / "none", data.catalog, data.store, model="A B")


@needs_grids
async def test_a_real_forecast_becomes_layers_with_its_winds(tmp_path: Path) -> None:
    async with open_tile_data(tmp_path) as data:
        report = await ingest_file(
            GRIDS / "gfs_2p5_20110110t12z_f120.grib2", data.catalog, data.store
        )

        assert len(report.datasets) == 17
        assert {"gfs_WIND_10m", "gfs_WIND_250mb"} <= {each.layer for each in report.datasets}
        assert report.skipped == ()


def _bytes(file: Path) -> bytes:
    return file.read_bytes()
