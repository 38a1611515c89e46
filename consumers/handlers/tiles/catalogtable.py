"""The catalog's tables, and how a database with them is opened."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from anyio import CancelScope
from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    Dialect,
    Float,
    Index,
    Insert,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    event,
    inspect,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.schema import CreateIndex, CreateTable

from consumers.handlers.tiles.dataerrors import CatalogError, TilesSettingsError

#: How long a writer of SQLite waits for another one.
_SQLITE_BUSY_MS = 10_000

#: Any number that no other program takes: it orders the workers that create the table.
_ADVISORY_LOCK = 0x4D534844

_DRIVERS = {
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
}


class UtcDateTime(TypeDecorator[datetime]):
    """A moment: UTC in every database, also in SQLite, which keeps no time zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn to UTC; SQLite gets the same moment without its zone."""
        if value is None:
            return None
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - the base's signature
        """Give back the moment with its zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


_metadata = MetaData()

datasets = Table(
    "datasets",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("layer", String(96), nullable=False),
    Column("model", String(32), nullable=False),
    Column("parameter", String(64), nullable=False),
    Column("level", String(32), nullable=False),
    Column("reference_time", UtcDateTime, nullable=False),
    Column("forecast_s", Integer, nullable=False),
    Column("valid_time", UtcDateTime, nullable=False),
    Column("grid", Text, nullable=False),
    Column("block_rows", Integer, nullable=False),
    Column("block_cols", Integer, nullable=False),
    Column("storage_path", String(800), nullable=False),
    Column("units", String(64), nullable=False),
    Column("vmin", Float(53)),
    Column("vmax", Float(53)),
    # Without a value in rows from before there were levels.
    Column("levels", Integer),
    UniqueConstraint("model", "parameter", "level", "reference_time", "forecast_s"),
    Index("datasets_by_run", "layer", "reference_time", "valid_time"),
    Index("datasets_by_time", "layer", "valid_time"),
    Index("datasets_by_path", "storage_path"),
)

announcements = Table(
    "announcements",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("layer", String(96), nullable=False),
    Column("reference_time", UtcDateTime, nullable=False),
    Column("valid_time", UtcDateTime, nullable=False),
    Column("style", String(96), nullable=False),
    Column("shape", String(200), nullable=False),
    Column("storage_path", String(800), nullable=False),
    # The data that it was made for last, if it was.
    Column("sent_path", String(800)),
    UniqueConstraint("layer", "reference_time", "valid_time", "style", "shape"),
)


def upsert(table: Table, dialect: str) -> Insert:
    """The statement that adds a row, in place of one that is the same by the table's key.

    What was announced stays noted.
    """
    make = postgresql.insert if dialect == "postgresql" else sqlite.insert
    statement = make(table)
    [unique] = (each for each in table.constraints if isinstance(each, UniqueConstraint))
    key = [column.name for column in unique.columns]
    replaced = {
        column.name: statement.excluded[column.name]
        for column in table.columns
        if column.name not in {"id", "sent_path", *key}
    }
    return statement.on_conflict_do_update(index_elements=key, set_=replaced)


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncGenerator[AsyncConnection]:
    """A connection whose changes become visible together when the block ends, or not at all.

    With SQLite the block is not cancelled half-way: its driver would leave a task behind that
    keeps the event loop from closing. It waits for another writer for `_SQLITE_BUSY_MS` at most.

    Raises:
        CatalogError: the database does not answer.
    """
    try:
        with CancelScope(shield=engine.dialect.name == "sqlite"):
            async with engine.begin() as connection:
                yield connection
    except (SQLAlchemyError, OSError) as error:
        raise unanswered(engine, error) from error


@asynccontextmanager
async def open_engine(database_url: str) -> AsyncGenerator[AsyncEngine]:
    """An engine on *database_url* with the tables in place, until the block ends.

    Raises:
        TilesSettingsError: the URL is none, or of a database that is not supported, or its
            driver is not installed.
        CatalogError: the database does not answer.
    """
    engine = _engine(_async_url(database_url))
    try:
        await _create_tables(engine)
        yield engine
    finally:
        await engine.dispose()


def unanswered(engine: AsyncEngine, error: Exception) -> CatalogError:
    """What to tell about a database that failed with *error*; without its password."""
    where = engine.url.render_as_string(hide_password=True)
    cause = getattr(error, "orig", None) or error
    reason = str(cause).strip().splitlines()
    return CatalogError(
        f"the catalog at {where} does not answer: {reason[0] if reason else type(cause).__name__}; "
        "check DATABASE_URL"
    )


async def _create_tables(engine: AsyncEngine) -> None:
    try:
        async with engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                # IF NOT EXISTS alone is no protection: two workers starting at the same
                # moment both try to create, and one fails on the system catalog.
                lock = {"lock": _ADVISORY_LOCK}
                await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), lock)
            for table in _metadata.sorted_tables:
                await connection.execute(CreateTable(table, if_not_exists=True))
            await connection.run_sync(_add_missing_columns)
            for table in _metadata.sorted_tables:
                for index in sorted(table.indexes, key=lambda each: str(each.name)):
                    await connection.execute(CreateIndex(index, if_not_exists=True))
    except (SQLAlchemyError, OSError) as error:
        raise unanswered(engine, error) from error


def _add_missing_columns(connection: Connection) -> None:
    """Bring a table of an earlier version up to date; all later columns may be empty."""
    there = {column["name"] for column in inspect(connection).get_columns(datasets.name)}
    for column in datasets.columns:
        if column.name not in there:
            kind = column.type.compile(connection.dialect)
            connection.execute(text(f"ALTER TABLE {datasets.name} ADD COLUMN {column.name} {kind}"))


def _async_url(database_url: str) -> URL:
    try:
        url = make_url(database_url)
    except ArgumentError:
        # The text may hold a password, so it is not repeated.
        raise TilesSettingsError(
            "DATABASE_URL is no URL: expected such as sqlite:///catalog.sqlite or "
            "postgresql://user:password@host/database"
        ) from None
    driver = _DRIVERS.get(url.drivername)
    if driver is None:
        raise TilesSettingsError(
            f"DATABASE_URL names the database '{url.drivername}': expected sqlite or postgresql"
        )
    return url.set(drivername=driver)


def _engine(url: URL) -> AsyncEngine:
    try:
        engine = create_async_engine(url)
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        extra = "postgres" if url.drivername.startswith("postgresql") else "tiles"
        raise TilesSettingsError(
            f"the catalog needs the driver of {url.drivername}, which is not installed: "
            f'pip install "millstream[{extra}]"'
        ) from error
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine, url)
    return engine


def _prepare_sqlite(engine: AsyncEngine, url: URL) -> None:
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)

    def use_write_ahead_log(connection: Any, record: object) -> None:  # noqa: ARG001 - SQLAlchemy's signature
        # Readers in workers must not wait for the ingest that writes beside them.
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute(f"PRAGMA busy_timeout={_SQLITE_BUSY_MS}")
        cursor.close()

    event.listen(engine.sync_engine, "connect", use_write_ahead_log)
