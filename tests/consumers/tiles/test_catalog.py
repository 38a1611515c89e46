"""SQLite, and PostgreSQL where MILLSTREAM_TEST_DATABASE_URL names one for these tests."""

import os
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from importlib.util import find_spec
from pathlib import Path

import anyio
import pytest

from consumers.handlers.tiles.announcements import Announcement
from consumers.handlers.tiles.catalog import Catalog, Dataset, open_catalog
from consumers.handlers.tiles.catalogtable import announcements, datasets
from consumers.handlers.tiles.dataerrors import (
    CatalogError,
    LayerNotFoundError,
    RunNotFoundError,
    TilesSettingsError,
    TimeNotFoundError,
)
from consumers.handlers.tiles.grid import GeographicGrid
from consumers.handlers.tiles.names import layer_name
from consumers.handlers.tiles.shards import ShardLayout

POSTGRES_URL = os.environ.get("MILLSTREAM_TEST_DATABASE_URL")
RUN = datetime(2026, 11, 22, 6, tzinfo=UTC)
GRID = GeographicGrid(72, 37, 0.0, 90.0, 5.0, -5.0)


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


def dataset(
    layer: str = "gfs_TMP_2m",
    *,
    run: datetime = RUN,
    ahead: float = 0,
    spread: tuple[float | None, float | None] = (250.0, 300.0),
    path: str | None = None,
) -> Dataset:
    return Dataset(
        name=layer_name(*layer.split("_")),
        reference_time=run,
        forecast=hours(ahead),
        grid=GRID,
        layout=ShardLayout(37, 72, 20, 30),
        storage_path=path or f"{layer}/{run:%Y%m%dT%H}/{ahead}",
        units="K",
        vmin=spread[0],
        vmax=spread[1],
    )


def wanted(row: Dataset, style: str = "temperature") -> Announcement:
    """Some tiles of a row."""
    return Announcement(
        row.layer, row.reference_time, row.valid_time, style, "0-4", row.storage_path
    )


@pytest.fixture(params=["sqlite", *(["postgresql"] if POSTGRES_URL else [])])
async def catalog(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Catalog]:
    url = POSTGRES_URL if request.param == "postgresql" else f"sqlite:///{tmp_path}/a/catalog.db"
    async with open_catalog(str(url)) as catalog:
        async with catalog._engine.begin() as connection:
            await connection.execute(datasets.delete())
            await connection.execute(announcements.delete())
        yield catalog


async def found(
    catalog: Catalog, time: datetime | None, *, now: datetime = RUN, layer: str = "gfs_TMP_2m"
) -> Dataset:
    return (await catalog.find(layer, time, now=now)).dataset


async def test_a_row_comes_back_as_it_was(catalog: Catalog) -> None:
    row = dataset(ahead=6)

    await catalog.add([row])

    assert await found(catalog, RUN + hours(6)) == row
    assert await catalog.exact(row.key) == row


async def test_the_latest_is_the_newest_run_at_the_time_nearest_to_now(catalog: Catalog) -> None:
    old = [dataset(run=RUN - hours(6), ahead=ahead) for ahead in (0, 6, 12)]
    new = [dataset(run=RUN, ahead=ahead) for ahead in (3, 6, 12)]
    await catalog.add([*old, *new])

    for minutes, expected in (
        (-600, 3),
        (0, 3),
        (265, 3),
        (275, 6),
        (540, 6),
        (541, 12),
        (9999, 12),
    ):
        latest = await found(catalog, None, now=RUN + timedelta(minutes=minutes))

        assert (latest.reference_time, latest.forecast) == (RUN, hours(expected)), minutes


async def test_a_time_is_taken_from_the_newest_run_that_has_it(catalog: Catalog) -> None:
    await catalog.add([dataset(run=RUN - hours(6), ahead=6), dataset(run=RUN - hours(6), ahead=18)])
    await catalog.add([dataset(run=RUN, ahead=0)])

    assert (await found(catalog, RUN)).reference_time == RUN
    assert (await found(catalog, RUN + hours(12))).reference_time == RUN - hours(6)


async def test_a_time_means_the_same_moment_in_every_zone(catalog: Catalog) -> None:
    await catalog.add([dataset()])

    in_india = RUN.astimezone(timezone(timedelta(hours=5, minutes=30)))

    assert (await found(catalog, in_india)).valid_time == RUN


async def test_a_time_that_does_not_exist_is_refused_with_its_neighbours(catalog: Catalog) -> None:
    await catalog.add([dataset(ahead=ahead) for ahead in (0, 6, 12, 18, 24)])

    with pytest.raises(TimeNotFoundError, match="no value at 2026-11-22T15:00:00Z") as caught:
        await found(catalog, RUN + hours(9))

    assert list(caught.value.nearest) == [RUN + hours(each) for each in (0, 6, 12, 18)]


async def test_an_unknown_layer_is_refused_with_close_names(catalog: Catalog) -> None:
    await catalog.add([dataset("gfs_TMP_2m"), dataset("gfs_HGT_500mb")])

    for time in (None, RUN):
        with pytest.raises(LayerNotFoundError, match="did you mean gfs_TMP_2m") as caught:
            await found(catalog, time, layer="gfs_TMP_3m")
        assert "millstream tiles layers" in str(caught.value)


async def test_an_empty_catalog_says_how_to_fill_it(catalog: Catalog) -> None:
    with pytest.raises(LayerNotFoundError, match="millstream tiles ingest FILE"):
        await found(catalog, None)


async def test_the_range_spans_all_times_of_the_run_and_no_other(catalog: Catalog) -> None:
    await catalog.add(
        [
            dataset(ahead=0, spread=(250, 300)),
            dataset(ahead=6, spread=(240, 290)),
            dataset(ahead=12, spread=(None, None)),
            dataset(run=RUN - hours(6), spread=(100, 400)),
            dataset("gfs_HGT_500mb", spread=(4900, 5900)),
        ]
    )

    for ahead in (0, 6, 12):
        selection = await catalog.find("gfs_TMP_2m", RUN + hours(ahead), now=RUN)

        assert selection.value_range == (240, 300)


async def test_a_run_without_any_value_has_no_range(catalog: Catalog) -> None:
    await catalog.add([dataset(spread=(None, None))])

    assert (await catalog.find("gfs_TMP_2m", None, now=RUN)).value_range is None


async def test_a_second_row_for_the_same_time_takes_the_place_of_the_first(
    catalog: Catalog,
) -> None:
    first, second = dataset(path="first"), dataset(path="second")

    assert await catalog.add([first]) == []
    assert await catalog.add([second]) == [first]

    assert await found(catalog, None) == second
    assert await catalog.uses("second")
    assert not await catalog.uses("first")
    assert [layer.times for layer in await catalog.layers()] == [1]


async def test_rows_appear_together_or_not_at_all(catalog: Catalog) -> None:
    impossible = replace(dataset(ahead=6), units=None)  # type: ignore[arg-type]

    with pytest.raises(CatalogError):
        await catalog.add([dataset(), impossible])

    assert await catalog.layers() == []


async def test_layers_are_summed_up(catalog: Catalog) -> None:
    await catalog.add(
        [
            dataset(ahead=0, spread=(250, 300)),
            dataset(ahead=6, spread=(240, 290)),
            dataset(run=RUN - hours(6), ahead=6, spread=(260, 310)),
            dataset("nam_TMP_2m", spread=(None, None)),
        ]
    )

    gfs, nam = await catalog.layers()

    assert (str(gfs.name), gfs.runs, gfs.times) == ("gfs_TMP_2m", 2, 2)
    assert (gfs.first_valid_time, gfs.last_valid_time) == (RUN, RUN + hours(6))
    assert gfs.latest_reference_time == RUN
    assert (gfs.vmin, gfs.vmax, gfs.units, gfs.grid) == (240, 310, "K", GRID)
    assert (str(nam.name), nam.vmin, nam.vmax) == ("nam_TMP_2m", None, None)


async def test_many_may_open_a_new_catalog_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/catalog.db"

    async def open_and_add(ahead: int) -> None:
        async with open_catalog(url) as catalog:
            await catalog.add([dataset(ahead=ahead)])

    async with anyio.create_task_group() as tasks:
        for ahead in range(8):
            tasks.start_soon(open_and_add, ahead)

    async with open_catalog(url) as catalog:
        assert [layer.times for layer in await catalog.layers()] == [8]


def test_the_table_is_readable_for_people(tmp_path: Path) -> None:
    async def fill() -> None:
        async with open_catalog(f"sqlite:///{tmp_path}/catalog.db") as catalog:
            await catalog.add([dataset(ahead=6)])

    anyio.run(fill)

    with sqlite3.connect(tmp_path / "catalog.db") as connection:
        query = "SELECT layer, reference_time, forecast_s, valid_time FROM datasets"
        assert connection.execute(query).fetchall() == [
            ("gfs_TMP_2m", "2026-11-22 06:00:00.000000", 21600, "2026-11-22 12:00:00.000000")
        ]
    connection.close()


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("not a url", "DATABASE_URL is no URL"),
        ("mysql://user:hidden@host/db", "names the database 'mysql': expected sqlite"),
    ],
)
async def test_a_url_that_cannot_be_used_is_told(url: str, problem: str) -> None:
    with pytest.raises(TilesSettingsError, match=problem) as caught:
        async with open_catalog(url):
            pass
    assert "hidden" not in str(caught.value)


@pytest.mark.skipif(find_spec("asyncpg") is not None, reason="the driver is installed")
@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+asyncpg"])
async def test_a_missing_driver_is_told_with_the_line_that_installs_it(scheme: str) -> None:
    with pytest.raises(TilesSettingsError, match=r'pip install "millstream\[postgres\]"'):
        async with open_catalog(f"{scheme}://user:hidden@host/db"):
            pass


async def test_a_database_that_does_not_answer_is_told_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "catalog.db").write_text("this is no database, it is a text of some length")

    with pytest.raises(CatalogError, match=r"does not answer: .*not a database.*DATABASE_URL"):
        async with open_catalog(f"sqlite:///{tmp_path}/catalog.db"):
            pass


async def test_what_is_wanted_is_open_until_it_is_closed(catalog: Catalog) -> None:
    late, early = dataset(ahead=6), dataset(ahead=0)
    await catalog.add([late, early], [wanted(late), wanted(early), wanted(early, "default")])

    assert await catalog.announcements.count_open() == 3
    assert await catalog.announcements.open(1) == [wanted(early)]

    await catalog.announcements.close(wanted(early))
    await catalog.announcements.close(wanted(early, "default"))

    assert await catalog.announcements.open(10) == [wanted(late)]


async def test_what_was_closed_opens_again_for_other_data_only(catalog: Catalog) -> None:
    row, other = dataset(path="one"), dataset(path="two")
    await catalog.add([row], [wanted(row)])
    await catalog.announcements.close(wanted(row))

    await catalog.add([row], [wanted(row)])
    assert await catalog.announcements.open(10) == []

    await catalog.add([other], [wanted(other)])
    assert await catalog.announcements.open(10) == [wanted(other)]


async def test_the_times_of_a_run_are_known(catalog: Catalog) -> None:
    old = [dataset(run=RUN - hours(6), ahead=ahead) for ahead in (0, 6)]
    await catalog.add([*old, dataset(ahead=12), dataset(ahead=3), dataset("gfs_RH_2m", ahead=1)])

    assert await catalog.run_times("gfs_TMP_2m") == [RUN + hours(3), RUN + hours(12)]
    assert await catalog.run_times("gfs_TMP_2m", RUN - hours(6)) == [RUN - hours(6), RUN]
    with pytest.raises(RunNotFoundError, match="the newest is of 2026-11-22T06:00:00Z"):
        await catalog.run_times("gfs_TMP_2m", RUN + hours(6))
    with pytest.raises(LayerNotFoundError):
        await catalog.run_times("gfs_TMP_9m")


def test_a_query_that_is_cancelled_half_way_leaves_nothing_that_runs(tmp_path: Path) -> None:
    """At any step of it: a task that never ended would keep the program from ending."""

    async def cancel_after(steps: int) -> None:
        async with (
            open_catalog(f"sqlite:///{tmp_path}/catalog.db") as catalog,
            anyio.create_task_group() as tasks,
        ):

            async def ask() -> None:
                while True:
                    await catalog.layers()
                    await anyio.lowlevel.checkpoint()

            tasks.start_soon(ask)
            for _ in range(steps):
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()

    for steps in range(1, 1000, 19):
        anyio.run(cancel_after, steps)


async def test_a_catalog_from_before_levels_is_read_and_written(tmp_path: Path) -> None:
    """Its rows have no levels: their grids are drawn as they are."""
    url = f"sqlite:///{tmp_path}/catalog.db"
    async with open_catalog(url) as catalog:
        await catalog.add([replace(dataset(), levels=0)])
    with sqlite3.connect(tmp_path / "catalog.db") as connection:
        connection.execute("ALTER TABLE datasets DROP COLUMN levels")
    connection.close()

    async with open_catalog(url) as catalog:
        old = await catalog.find("gfs_TMP_2m", RUN, now=RUN)
        await catalog.add([replace(dataset(ahead=6), levels=3)])
        new = await catalog.find("gfs_TMP_2m", RUN + hours(6), now=RUN)

    assert old.dataset == dataset()
    assert new.dataset.levels == 3
