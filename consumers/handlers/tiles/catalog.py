"""Which grids there are: one row for each layer, run and time."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Row, Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from consumers.handlers.tiles.announcements import Announcement, Announcements, note
from consumers.handlers.tiles.catalogtable import datasets, open_engine, transaction, upsert
from consumers.handlers.tiles.dataerrors import (
    LayerNotFoundError,
    RunNotFoundError,
    TimeNotFoundError,
)
from consumers.handlers.tiles.grid import Grid
from consumers.handlers.tiles.names import LayerName
from consumers.handlers.tiles.shards import ShardLayout

#: Times named on either side of one that does not exist.
_NEIGHBOURS = 2


class DatasetKey(NamedTuple):
    """What tells two grids apart: no two rows have the same."""

    name: LayerName
    reference_time: datetime
    forecast: timedelta


@dataclass(frozen=True, slots=True)
class Dataset:
    """One layer at one time of one run, and where its values lie.

    `vmin` and `vmax` are None where every value is missing. `levels` is how many coarser
    levels are stored beside the grid itself (see `levels`).
    """

    name: LayerName
    reference_time: datetime
    forecast: timedelta
    grid: Grid
    layout: ShardLayout
    storage_path: str
    units: str
    vmin: float | None
    vmax: float | None
    levels: int = 0

    def at_level(self, level: int) -> "Dataset":
        """What is stored of a level, as if it were a grid of its own."""
        if not level:
            return self
        path = f"{self.storage_path}_level_{level}"
        return replace(self, layout=self.layout.at_level(level), storage_path=path, levels=0)

    @property
    def key(self) -> DatasetKey:
        """What tells it apart from all others."""
        return DatasetKey(self.name, self.reference_time, self.forecast)

    @property
    def layer(self) -> str:
        """The layer's name."""
        return str(self.name)

    @property
    def valid_time(self) -> datetime:
        """The time that the values describe."""
        return self.reference_time + self.forecast


@dataclass(frozen=True, slots=True)
class Selection:
    """The grid that a job asked for.

    `value_range` spans all times of the same layer and run, so that colours mean the same
    on every tile and in every step of an animation. None: every value is missing.
    """

    dataset: Dataset
    value_range: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class LayerSummary:
    """What the catalog knows of one layer."""

    name: LayerName
    runs: int
    times: int
    first_valid_time: datetime
    last_valid_time: datetime
    latest_reference_time: datetime
    units: str
    vmin: float | None
    vmax: float | None
    grid: Grid


class Catalog:
    """The table of grids, in SQLite or PostgreSQL (see `open_catalog`).

    Every method raises `CatalogError` (see `dataerrors`) when the database does not answer.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self.announcements = Announcements(engine)

    async def add(
        self, rows: Sequence[Dataset], wanted: Sequence[Announcement] = ()
    ) -> list[Dataset]:
        """Make *rows* visible, all of them or none, and answer what they replaced.

        A row takes the place of one for the same layer, run and time. What is *wanted* of them
        is noted in the same transaction (see `announcements`).
        """
        statement = upsert(datasets, self._engine.dialect.name)
        replaced: list[Dataset] = []
        async with transaction(self._engine) as connection:
            for row in rows:
                before = await connection.execute(_with_key(row.key))
                replaced += [_dataset(each) for each in before]
                await connection.execute(statement, _values(row))
            await note(connection, wanted)
        return replaced

    async def find(self, layer: str, time: datetime | None, *, now: datetime) -> Selection:
        """The grid of *layer* for *time*, from the newest run that has it.

        Without a time it is the newest run's value nearest to *now*; of two equally near
        ones the earlier.

        Raises:
            LayerNotFoundError: there is no such layer.
            TimeNotFoundError: the layer has no value at exactly that time.
        """
        async with transaction(self._engine) as connection:
            of_layer = select(datasets).where(datasets.c.layer == layer)
            newest = of_layer.order_by(datasets.c.reference_time.desc()).limit(1)
            if time is not None:
                newest = newest.where(datasets.c.valid_time == time)
            row = (await connection.execute(newest)).one_or_none()
            if row is None:
                raise await self._not_found(connection, layer, time)
            if time is None:
                of_run = of_layer.where(datasets.c.reference_time == row.reference_time)
                around = await _around(connection, of_run, now, 1)
                row = min(around, key=lambda each: abs(each.valid_time - now))
            spread = select(func.min(datasets.c.vmin), func.max(datasets.c.vmax)).where(
                datasets.c.layer == layer, datasets.c.reference_time == row.reference_time
            )
            vmin, vmax = (await connection.execute(spread)).one()
        value_range = None if vmin is None or vmax is None else (vmin, vmax)
        return Selection(_dataset(row), value_range)

    async def exact(self, key: DatasetKey) -> Dataset | None:
        """The row of that layer, run and time, if there is one."""
        async with transaction(self._engine) as connection:
            row = (await connection.execute(_with_key(key))).one_or_none()
        return None if row is None else _dataset(row)

    async def run_times(self, layer: str, run: datetime | None = None) -> list[datetime]:
        """The valid times of *run*, rising; without one those of the newest run.

        Raises:
            LayerNotFoundError: there is no such layer.
            RunNotFoundError: the layer has no such run.
        """
        runs = select(datasets.c.reference_time).where(datasets.c.layer == layer)
        async with transaction(self._engine) as connection:
            newest = runs.order_by(datasets.c.reference_time.desc()).limit(1)
            latest = (await connection.execute(newest)).scalar_one_or_none()
            if latest is None:
                raise await self._not_found(connection, layer, None)
            of_run = select(datasets.c.valid_time).where(
                datasets.c.layer == layer, datasets.c.reference_time == (run or latest)
            )
            times = (await connection.execute(of_run.order_by(datasets.c.valid_time))).scalars()
            found = list(times)
        if not found:
            raise RunNotFoundError(layer, run or latest, latest)
        return found

    async def uses(self, storage_path: str) -> bool:
        """Whether a row points to *storage_path*."""
        query = select(datasets.c.id).where(datasets.c.storage_path == storage_path).limit(1)
        async with transaction(self._engine) as connection:
            return (await connection.execute(query)).one_or_none() is not None

    async def layers(self) -> list[LayerSummary]:
        """Every layer, by name."""
        table = datasets.c
        latest = func.max(table.id).label("latest_id")
        groups = (
            select(
                func.count(table.reference_time.distinct()).label("runs"),
                func.count(table.valid_time.distinct()).label("times"),
                func.min(table.valid_time).label("first_valid_time"),
                func.max(table.valid_time).label("last_valid_time"),
                func.max(table.reference_time).label("latest_reference_time"),
                func.min(table.vmin).label("least"),
                func.max(table.vmax).label("greatest"),
                latest,
            )
            .group_by(table.layer)
            .subquery()
        )
        query = (
            select(groups, table.model, table.parameter, table.level, table.units, table.grid)
            .join(groups, groups.c.latest_id == table.id)
            .order_by(table.layer)
        )
        async with transaction(self._engine) as connection:
            return [_summary(row) for row in await connection.execute(query)]

    async def _not_found(
        self, connection: AsyncConnection, layer: str, time: datetime | None
    ) -> LayerNotFoundError | TimeNotFoundError:
        if time is not None:
            of_layer = select(datasets).where(datasets.c.layer == layer)
            if around := await _around(connection, of_layer, time, _NEIGHBOURS):
                return TimeNotFoundError(layer, time, [row.valid_time for row in around])
        names = select(datasets.c.layer).distinct().order_by(datasets.c.layer)
        return LayerNotFoundError(layer, (await connection.execute(names)).scalars().all())


@asynccontextmanager
async def open_catalog(database_url: str) -> AsyncGenerator[Catalog]:
    """The catalog at *database_url*, made if it is not there, until the block ends.

    `sqlite:///path` or `postgresql://user:password@host/database`.

    Raises:
        TilesSettingsError: the URL cannot be used, or its driver is not installed.
        CatalogError: the database does not answer.
    """
    async with open_engine(database_url) as engine:
        yield Catalog(engine)


async def _around(
    connection: AsyncConnection, query: Select[Any], time: datetime, each_side: int
) -> Sequence[Row[Any]]:
    """The rows of *query* nearest to *time*, up to *each_side* before and after, in order."""
    column = datasets.c.valid_time
    before = query.where(column <= time).order_by(column.desc()).limit(each_side)
    after = query.where(column > time).order_by(column).limit(each_side)
    earlier = (await connection.execute(before)).all()
    later = (await connection.execute(after)).all()
    return [*reversed(earlier), *later]


def _with_key(key: DatasetKey) -> Select[Any]:
    return select(datasets).where(
        datasets.c.layer == str(key.name),
        datasets.c.reference_time == key.reference_time,
        datasets.c.forecast_s == _seconds(key.forecast),
    )


def _values(row: Dataset) -> dict[str, object]:
    return {
        "layer": row.layer,
        "model": row.name.model,
        "parameter": row.name.parameter,
        "level": row.name.level,
        "reference_time": row.reference_time,
        "forecast_s": _seconds(row.forecast),
        "valid_time": row.valid_time,
        "grid": row.grid.to_json(),
        "block_rows": row.layout.block_rows,
        "block_cols": row.layout.block_cols,
        "storage_path": row.storage_path,
        "units": row.units,
        "vmin": row.vmin,
        "vmax": row.vmax,
        "levels": row.levels,
    }


def _dataset(row: Row[Any]) -> Dataset:
    grid = Grid.from_json(row.grid)
    return Dataset(
        name=LayerName(row.model, row.parameter, row.level),
        reference_time=row.reference_time,
        forecast=timedelta(seconds=row.forecast_s),
        grid=grid,
        layout=ShardLayout(grid.ny, grid.nx, row.block_rows, row.block_cols),
        storage_path=row.storage_path,
        units=row.units,
        vmin=row.vmin,
        vmax=row.vmax,
        levels=row.levels or 0,
    )


def _summary(row: Row[Any]) -> LayerSummary:
    return LayerSummary(
        name=LayerName(row.model, row.parameter, row.level),
        runs=row.runs,
        times=row.times,
        first_valid_time=row.first_valid_time,
        last_valid_time=row.last_valid_time,
        latest_reference_time=row.latest_reference_time,
        units=row.units,
        vmin=row.least,
        vmax=row.greatest,
        grid=Grid.from_json(row.grid),
    )


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds())
