"""Which new data are still to be announced: wishes for tiles, kept beside the data.

A wish is written in the transaction that makes its data visible. So there is no moment at
which data are visible and their warming could be lost, whatever ends the ingest; and no
warming is asked for of data that are not visible. A wish is open until the data it was last
announced for are those that the catalog has.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Executable, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from consumers.handlers.tiles.catalogtable import announcements, transaction, upsert

_TABLE = announcements.c


@dataclass(frozen=True, slots=True)
class Announcement:
    """The tiles that are wanted of one layer at one time of one run, in one style.

    `shape` is a `producers.warming.pyramid.Pyramid` as text, `storage_path` the data.
    """

    layer: str
    reference_time: datetime
    valid_time: datetime
    style: str
    shape: str
    storage_path: str


class Announcements:
    """The table of wishes.

    Every method raises `CatalogError` (see `dataerrors`) when the database does not answer.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def open(self, count: int) -> list[Announcement]:
        """Up to *count* that have not been made, those of the earliest times first."""
        query = (
            select(announcements)
            .where(_is_open())
            .order_by(_TABLE.valid_time, _TABLE.id)
            .limit(count)
        )
        async with transaction(self._engine) as connection:
            rows = (await connection.execute(query)).all()
        return [
            Announcement(
                row.layer,
                row.reference_time,
                row.valid_time,
                row.style,
                row.shape,
                row.storage_path,
            )
            for row in rows
        ]

    async def count_open(self) -> int:
        """How many have not been made."""
        query = select(func.count()).select_from(announcements).where(_is_open())
        async with transaction(self._engine) as connection:
            return int((await connection.execute(query)).scalar_one())

    async def close(self, made: Announcement) -> None:
        """Note that *made* has been made. With newer data than its own it stays open."""
        async with transaction(self._engine) as connection:
            await connection.execute(_closing(made))


async def note(connection: AsyncConnection, wanted: Iterable[Announcement]) -> None:
    """Write *wanted* down in the transaction of *connection*.

    One for the same layer, run, time, style and tiles is there once; it is open again when its
    data are others than those that were announced.
    """
    statement = upsert(announcements, connection.dialect.name)
    for each in wanted:
        values = {
            "layer": each.layer,
            "reference_time": each.reference_time,
            "valid_time": each.valid_time,
            "style": each.style,
            "shape": each.shape,
            "storage_path": each.storage_path,
        }
        await connection.execute(statement, values)


def _is_open() -> ColumnElement[bool]:
    return or_(_TABLE.sent_path.is_(None), _TABLE.sent_path != _TABLE.storage_path)


def _closing(made: Announcement) -> Executable:
    return (
        update(announcements)
        .where(
            _TABLE.layer == made.layer,
            _TABLE.reference_time == made.reference_time,
            _TABLE.valid_time == made.valid_time,
            _TABLE.style == made.style,
            _TABLE.shape == made.shape,
        )
        .values(sent_path=made.storage_path)
    )
