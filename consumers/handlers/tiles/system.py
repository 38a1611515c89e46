"""Opens the tile system for a worker, and its data for the command line."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import import_module

from consumers.errors import MissingExtraError
from consumers.handlers.tiles.catalog import Catalog, open_catalog
from consumers.handlers.tiles.decoded import ShardCache
from consumers.handlers.tiles.handler import RenderTileHandler, TilePainter
from consumers.handlers.tiles.heap import keep_heap
from consumers.handlers.tiles.lookups import Lookups, utc_now
from consumers.handlers.tiles.mapping import MappingCache
from consumers.handlers.tiles.settings import TilesSettings
from consumers.handlers.tiles.sheets import EDGE_TILES, block_of
from consumers.handlers.tiles.store import LocalStore, ObjectStore
from consumers.handlers.tiles.styles.library import StyleLibrary, open_library
from consumers.registry import Registry
from producers.payloads.tiles import RenderTile
from streams.cache import Cache

#: A tile takes milliseconds. This is for a store that answers slowly and a cold cache.
RENDER_TIMEOUT = timedelta(minutes=2)

#: Jobs in one call: those of one block that a worker has claimed together. None of them
#: waits for others.
BATCH_TILES = EDGE_TILES * EDGE_TILES


@dataclass(frozen=True, slots=True)
class TileData:
    """The catalog, the shards and the styles of one installation, open."""

    settings: TilesSettings
    catalog: Catalog
    store: ObjectStore
    styles: StyleLibrary

    def painter(self, now: Callable[[], datetime] = utc_now) -> TilePainter:
        """What draws tiles from this data, with empty caches of the configured size."""
        return TilePainter(
            Lookups(self.catalog, ttl=self.settings.lookup_ttl, now=now),
            ShardCache(self.store, bytes_max=self.settings.shard_cache_bytes),
            MappingCache(self.settings.mapping_cache_bytes),
            self.styles,
        )


@asynccontextmanager
async def open_data(environment: Mapping[str, str]) -> AsyncGenerator[TileData]:
    """Catalog, store and styles as *environment* names them, until the block ends.

    Raises:
        TilesSettingsError: a setting cannot be used.
        StyleError: the directory of styles cannot be read.
        MissingExtraError: the shards are in S3 and its client is not installed.
        CatalogError: the database does not answer.
    """
    settings = TilesSettings.from_environment(environment)
    styles = open_library(settings.styles_dir)
    keep_heap()
    async with open_catalog(settings.catalog_url) as catalog, _open_store(settings) as store:
        yield TileData(settings, catalog, store, styles)


@asynccontextmanager
async def open_system(cache: Cache, environment: Mapping[str, str]) -> AsyncGenerator[Registry]:
    """The kinds of the tile system and their handlers, until the block ends.

    Raises:
        TilesSettingsError: a setting cannot be used.
        MissingExtraError: the shards are in S3 and its client is not installed.
        CatalogError: the database does not answer.
    """
    async with open_data(environment) as data:
        registry = Registry()
        handler = RenderTileHandler(data.painter(), cache)
        registry.add_batch(
            RenderTile,
            handler.many,
            size=BATCH_TILES,
            wait=timedelta(0),
            key=block_of,
            timeout=RENDER_TIMEOUT,
        )
        yield registry


@asynccontextmanager
async def _open_store(settings: TilesSettings) -> AsyncGenerator[ObjectStore]:
    if not settings.uses_s3:
        yield LocalStore(settings.shards_dir)
        return
    try:
        # Imported only here: a worker with local shards starts without it.
        module = import_module("consumers.handlers.tiles.s3store")
    except ModuleNotFoundError as error:
        raise MissingExtraError("s3", error.name or "aiobotocore") from error
    access_key, secret_key = settings.s3_access_key, settings.s3_secret_key
    async with module.S3Store.open(
        bucket=settings.s3_bucket or "millstream",
        endpoint=settings.s3_endpoint,
        access_key=access_key and access_key.get_secret_value(),
        secret_key=secret_key and secret_key.get_secret_value(),
        region=settings.s3_region,
    ) as store:
        yield store
