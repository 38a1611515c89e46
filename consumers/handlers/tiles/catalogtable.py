"""The catalog's table, and how a database with it is opened."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

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
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
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

_KEY = ("model", "parameter", "level", "reference_time", "forecast_s")


def upsert(dialect: str) -> Insert:
    """The statement that adds a row, in place of one of the same layer, run and time."""
    make = postgresql.insert if dialect == "postgresql" else sqlite.insert
    statement = make(datasets)
    replaced = {
        column.name: statement.excluded[column.name]
        for column in datasets.columns
        if column.name not in {"id", *_KEY}
    }
    return statement.on_conflict_do_update(index_elements=_KEY, set_=replaced)


@asynccontextmanager
async def open_engine(database_url: str) -> AsyncGenerator[AsyncEngine]:
    """An engine on *database_url* with the table in place, until the block ends.

    Raises:
        TilesSettingsError: the URL is none, or of a database that is not supported, or its
            driver is not installed.
        CatalogError: the database does not answer.
    """
    engine = _engine(_async_url(database_url))
    try:
        await _create_table(engine)
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


async def _create_table(engine: AsyncEngine) -> None:
    try:
        async with engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                # IF NOT EXISTS alone is no protection: two workers starting at the same
                # moment both try to create, and one fails on the system catalog.
                lock = {"lock": _ADVISORY_LOCK}
                await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), lock)
            await connection.execute(CreateTable(datasets, if_not_exists=True))
            await connection.run_sync(_add_missing_columns)
            for index in sorted(datasets.indexes, key=lambda each: str(each.name)):
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
