from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import numpy as np
import pytest

from consumers.handlers.tiles.atmosphere import forecast
from consumers.handlers.tiles.dataerrors import GribError, IngestError, StoreError
from consumers.handlers.tiles.decoded import ShardCache
from consumers.handlers.tiles.field import Field, SkippedField
from consumers.handlers.tiles.grid import GeographicGrid, Window
from consumers.handlers.tiles.ingest import ingest_fields
from consumers.handlers.tiles.store import LocalStore
from consumers.handlers.tiles.system import TileData
from tests.support.tiledata import GRID, REGION, RUN, make_field, open_tile_data, stored_files

WHOLE = Window(0, GRID.ny, 0, GRID.nx)

#: More than one shard.
LARGE = GeographicGrid(1024, 513, 0.0, 90.0, 360 / 1024, -180 / 512)


async def layers(data: TileData) -> list[str]:
    return [str(layer.name) for layer in await data.catalog.layers()]


async def values(data: TileData, layer: str, window: Window = WHOLE) -> np.ndarray[tuple[int, ...]]:
    dataset = (await data.catalog.find(layer, None, now=RUN)).dataset
    shards = await ShardCache(data.store).shards(dataset, window)
    return dataset.layout.assemble(window, shards)


def noise(
    seed: int, grid: GeographicGrid = GRID
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    random = np.random.default_rng(seed)
    return random.normal(280, 10, (grid.ny, grid.nx)).astype(np.float32)


async def test_what_was_ingested_is_found_with_its_values(tmp_path: Path) -> None:
    field = make_field(values=noise(1), hours=6)
    async with open_tile_data(tmp_path) as data:
        report = await ingest_fields([field], data.catalog, data.store)

        [dataset] = report.datasets
        found = (await data.catalog.find("test_TMP_2m", RUN + timedelta(hours=6), now=RUN)).dataset
        assert found == dataset
        assert (found.vmin, found.vmax) == (field.values.min(), field.values.max())
        np.testing.assert_array_equal(await values(data, "test_TMP_2m"), field.values)


async def test_a_large_field_is_stored_in_several_shards(tmp_path: Path) -> None:
    field = make_field(values=noise(1, LARGE), grid=LARGE)
    async with open_tile_data(tmp_path) as data:
        await ingest_fields([field], data.catalog, data.store)

        assert len([path for path in stored_files(tmp_path) if "_level_" not in path.name]) == 4
        window = Window(500, 513, 1000, 1040)
        expected = field.values[500:513][:, np.arange(1000, 1040) % 1024]
        np.testing.assert_array_equal(await values(data, "test_TMP_2m", window), expected)


async def test_a_second_ingest_changes_nothing(tmp_path: Path) -> None:
    fields = [make_field(values=noise(1)), make_field("UGRD"), make_field("VGRD")]
    async with open_tile_data(tmp_path) as data:
        first = await ingest_fields(fields, data.catalog, data.store)
        before = {path: path.read_bytes() for path in stored_files(tmp_path)}

        second = await ingest_fields(fields, data.catalog, data.store)

        assert first == second
        assert {path: path.read_bytes() for path in stored_files(tmp_path)} == before


async def test_new_values_take_the_place_of_the_old_and_leave_nothing_of_them(
    tmp_path: Path,
) -> None:
    async with open_tile_data(tmp_path) as data:
        await ingest_fields([make_field(values=noise(1))], data.catalog, data.store)
        [old] = stored_files(tmp_path)

        await ingest_fields([make_field(values=noise(2))], data.catalog, data.store)

        [new] = stored_files(tmp_path)
        assert old != new
        np.testing.assert_array_equal(await values(data, "test_TMP_2m"), noise(2))


async def test_the_speed_of_a_wind_becomes_a_layer(tmp_path: Path) -> None:
    east, north = noise(1, LARGE) - 280, noise(2, LARGE) - 280
    east[3, 4] = np.nan
    fields = [
        make_field("VGRD", "10m", values=north, grid=LARGE),
        make_field("TMP", "2m"),
        make_field("UGRD", "10m", values=east, grid=LARGE),
        make_field("UGRD", "250mb"),
    ]
    async with open_tile_data(tmp_path) as data:
        report = await ingest_fields(fields, data.catalog, data.store)

        assert await layers(data) == [
            "test_TMP_2m",
            "test_UGRD_10m",
            "test_UGRD_250mb",
            "test_VGRD_10m",
            "test_WIND_10m",
        ]
        everything = Window(0, LARGE.ny, 0, LARGE.nx)
        speed = np.hypot(east, north)
        np.testing.assert_array_equal(await values(data, "test_WIND_10m", everything), speed)
        assert (report.datasets[-1].vmin, report.datasets[-1].vmax) == (
            np.nanmin(speed),
            np.nanmax(speed),
        )


async def test_the_two_components_may_come_in_two_files(tmp_path: Path) -> None:
    async with open_tile_data(tmp_path) as data:
        await ingest_fields([make_field("UGRD", "10m")], data.catalog, data.store)
        assert await layers(data) == ["test_UGRD_10m"]

        await ingest_fields([make_field("VGRD", "10m")], data.catalog, data.store)

        assert "test_WIND_10m" in await layers(data)


async def test_a_wind_speed_of_the_file_itself_is_kept(tmp_path: Path) -> None:
    own = make_field("WIND", "10m", values=noise(9))
    fields = [make_field("UGRD", "10m"), make_field("VGRD", "10m"), own]
    async with open_tile_data(tmp_path) as data:
        await ingest_fields(fields, data.catalog, data.store)

        np.testing.assert_array_equal(await values(data, "test_WIND_10m"), own.values)


async def test_components_of_different_times_or_grids_make_no_wind(tmp_path: Path) -> None:
    fields = [
        make_field("UGRD", "10m", hours=0),
        make_field("VGRD", "10m", hours=6),
        make_field("UGRD", "80m"),
        make_field("VGRD", "80m", grid=REGION),
    ]
    async with open_tile_data(tmp_path) as data:
        await ingest_fields(fields, data.catalog, data.store)

        assert not [name for name in await layers(data) if "WIND" in name]


async def test_a_field_without_any_value_has_no_range(tmp_path: Path) -> None:
    nothing = np.full((GRID.ny, GRID.nx), np.nan, dtype=np.float32)
    async with open_tile_data(tmp_path) as data:
        report = await ingest_fields([make_field(values=nothing)], data.catalog, data.store)

        assert (report.datasets[0].vmin, report.datasets[0].vmax) == (None, None)


async def test_of_two_fields_for_one_layer_and_time_the_second_is_reported(tmp_path: Path) -> None:
    fields = [make_field(values=noise(1)), make_field(values=noise(2))]
    async with open_tile_data(tmp_path) as data:
        report = await ingest_fields(fields, data.catalog, data.store)

        assert report.skipped == (
            SkippedField(
                "TMP_2m", "there are two fields for this layer and time; the first was taken"
            ),
        )
        np.testing.assert_array_equal(await values(data, "test_TMP_2m"), noise(1))


async def test_another_domain_of_a_model_does_not_replace_the_first(tmp_path: Path) -> None:
    async with open_tile_data(tmp_path) as data:
        await ingest_fields([make_field()], data.catalog, data.store)

        with pytest.raises(IngestError, match=r"on another grid already: .* --model"):
            await ingest_fields([make_field(grid=REGION)], data.catalog, data.store)

        assert (await data.catalog.layers())[0].grid == GRID


def failing() -> Iterator[Field]:
    yield make_field("UGRD", "10m")
    yield make_field("VGRD", "10m")
    raise GribError("the third field is damaged")


async def test_a_source_that_fails_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    async with open_tile_data(tmp_path) as data:
        with pytest.raises(GribError, match="damaged"):
            await ingest_fields(failing(), data.catalog, data.store)

        assert await layers(data) == []
        assert stored_files(tmp_path) == []


async def test_a_failed_ingest_leaves_what_was_there_before(tmp_path: Path) -> None:
    async with open_tile_data(tmp_path) as data:
        await ingest_fields([make_field("UGRD", "10m")], data.catalog, data.store)
        before = stored_files(tmp_path)

        with pytest.raises(GribError):
            await ingest_fields(failing(), data.catalog, data.store)

        assert await layers(data) == ["test_UGRD_10m"]
        assert stored_files(tmp_path) == before


async def test_a_store_that_refuses_leaves_no_row(tmp_path: Path) -> None:
    (tmp_path / "full").write_text("no directory")
    async with open_tile_data(tmp_path) as data:
        with pytest.raises(StoreError):
            await ingest_fields([make_field()], data.catalog, LocalStore(tmp_path / "full"))

        assert await layers(data) == []


async def test_an_interrupted_ingest_leaves_nothing(tmp_path: Path) -> None:
    async with open_tile_data(tmp_path) as data:
        with anyio.CancelScope() as scope:

            def stop_after_two(name: str) -> None:
                if name == "test_VGRD_10m":
                    scope.cancel()

            fields = [make_field("UGRD", "10m"), make_field("VGRD", "10m"), make_field()]
            await ingest_fields(fields, data.catalog, data.store, listener=stop_after_two)

        assert scope.cancelled_caught
        assert await layers(data) == []
        assert stored_files(tmp_path) == []


async def test_a_field_needs_a_model_that_is_a_plain_word(tmp_path: Path) -> None:
    async with open_tile_data(tmp_path) as data:
        with pytest.raises(IngestError, match="names no model"):
            await ingest_fields([make_field(model=None)], data.catalog, data.store)
        with pytest.raises(IngestError, match="is no model name"):
            await ingest_fields([make_field(model="../x")], data.catalog, data.store)


async def test_the_listener_hears_every_layer(tmp_path: Path) -> None:
    heard: list[str] = []
    fields = [make_field("UGRD", "10m"), make_field("VGRD", "10m")]
    async with open_tile_data(tmp_path) as data:
        await ingest_fields(fields, data.catalog, data.store, listener=heard.append)

    assert heard == ["test_UGRD_10m", "test_VGRD_10m", "test_WIND_10m"]


async def test_the_made_up_forecast_is_ingested_like_any_other(tmp_path: Path) -> None:
    run = datetime(2026, 11, 22, 6, tzinfo=UTC)
    async with open_tile_data(tmp_path) as data:
        await ingest_fields(forecast(run, step_deg=10), data.catalog, data.store)

        assert await layers(data) == [
            f"demo_{name}"
            for name in ("APCP_surface", "PRMSL_msl", "TMP_2m", "UGRD_10m", "VGRD_10m", "WIND_10m")
        ]
        assert {layer.times for layer in await data.catalog.layers()} == {5}
