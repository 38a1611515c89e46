"""Runs `tiles.render`: from a job to a picture in the cache."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from anyio import to_thread
from pydantic import JsonValue

from consumers.handler import Context
from consumers.handlers.tiles.catalog import Dataset
from consumers.handlers.tiles.crs import x_first
from consumers.handlers.tiles.dataerrors import ObjectMissingError, iso_utc
from consumers.handlers.tiles.decoded import ShardCache
from consumers.handlers.tiles.grid import ProjectedGrid
from consumers.handlers.tiles.lookups import Lookups, utc_now
from consumers.handlers.tiles.mapping import Mapping, MappingCache
from consumers.handlers.tiles.pixels import Target
from consumers.handlers.tiles.pyramid import has_between
from consumers.handlers.tiles.render import blank, render
from consumers.handlers.tiles.sample import Resampling
from consumers.handlers.tiles.shards import Values
from consumers.handlers.tiles.style import Style
from consumers.handlers.tiles.styles import find_style
from producers.payloads.tiles import RenderTile
from producers.tilekey import LATEST_TTL, tile_key, ttl_for
from streams.cache import Cache

#: A usual tile takes a millisecond. Handed to a thread it takes a fifth more of the whole
#: worker's time, because the thread and the event loop wait for each other's lock.
DRAWN_IN_THE_LOOP_PX: Final = 256 * 256


class Picture:
    """A drawn tile: the PNG, the grid it shows, and whether the grid covers it at all."""

    __slots__ = ("covered", "dataset", "png")

    def __init__(self, png: bytes, dataset: Dataset, *, covered: bool) -> None:
        self.png = png
        self.dataset = dataset
        self.covered = covered


class TilePainter:
    """Draws tiles from catalog and shards. The queue and the command line share it."""

    def __init__(self, lookups: Lookups, shards: ShardCache, mappings: MappingCache) -> None:
        self._lookups = lookups
        self._shards = shards
        self._mappings = mappings

    async def paint(self, tile: RenderTile) -> Picture:
        """The picture that *tile* asks for.

        Whether the grid covers it is decided before anything is read from the store.

        Raises:
            TileError: the job names a layer, time, style or coordinate system that does
                not exist, or the grid cannot be drawn in it. No retry can help.
            CatalogError: the catalog does not answer.
            StoreError: an object is missing, or the store does not answer.
            ShardError: an object is no whole shard.
        """
        tile = x_first(tile)
        target = Target.of(tile)
        try:
            return await self._paint(tile, target)
        except ObjectMissingError:
            # An ingest may have replaced the data since the catalog was read.
            self._lookups.forget(tile.layer, tile.time)
            return await self._paint(tile, target)

    async def _paint(self, tile: RenderTile, target: Target) -> Picture:
        selection = await self._lookups.find(tile.layer, tile.time)
        style = find_style(tile.style, selection.value_range)
        dataset = selection.dataset
        how = resampling_of(tile, dataset)
        mapping = await self._map(dataset, target, how)
        if mapping is None:
            return Picture(blank(tile.width, tile.height), dataset, covered=False)
        level = dataset.at_level(mapping.level)
        shards = await self._shards.shards(level, mapping.window)
        if tile.width * tile.height <= DRAWN_IN_THE_LOOP_PX:
            png = _draw(level, mapping, shards, style, how)
        else:
            png = await to_thread.run_sync(_draw, level, mapping, shards, style, how)
        return Picture(png, dataset, covered=True)

    async def _map(self, dataset: Dataset, target: Target, how: Resampling) -> Mapping | None:
        asked = dataset.grid, target, dataset.levels, how.margin
        # A projection takes milliseconds; without one, the thread would cost more.
        if isinstance(dataset.grid, ProjectedGrid) or not target.is_straight:
            return await to_thread.run_sync(self._mappings.map_tile, *asked)
        return self._mappings.map_tile(*asked)


def resampling_of(tile: RenderTile, dataset: Dataset) -> Resampling:
    """How *tile* gets its values: as it asks for, but never between two categories."""
    if not has_between(dataset.name.parameter):
        return Resampling.NEAREST
    return Resampling.BILINEAR if tile.resampling == "auto" else Resampling(tile.resampling)


def _draw(
    dataset: Dataset,
    mapping: Mapping,
    shards: dict[int, Values],
    style: Style,
    how: Resampling,
) -> bytes:
    return render(dataset.layout.assemble(mapping.window, shards), mapping, style, how)


class RenderTileHandler:
    """The handler of `tiles.render`.

    Safe to run twice: the same job writes the same bytes under the same name.
    """

    def __init__(
        self, painter: TilePainter, cache: Cache, *, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._painter = painter
        self._cache = cache
        self._now = now

    async def __call__(self, payload: RenderTile, context: Context, /) -> JsonValue:  # noqa: ARG002 - the protocol's second argument
        """Draw the tile and put it into the cache; what to know of it is the result.

        The picture is kept under the time it shows. A job that asked for the latest also
        writes the name of the latest, which lives for a minute only, because it will mean
        another time soon.

        Raises:
            PermanentError, TilesDataError: see `TilePainter.paint`.
        """
        payload = x_first(payload)
        picture = await self._painter.paint(payload)
        shown = picture.dataset.valid_time
        key = tile_key(payload, shown)
        await self._cache.put(key, picture.png, ttl_for(shown, self._now()))
        if payload.time is None:
            await self._cache.put(tile_key(payload, None), picture.png, LATEST_TTL)
        return {
            "key": key,
            "bytes": len(picture.png),
            "time": iso_utc(shown),
            "reference_time": iso_utc(picture.dataset.reference_time),
            "covered": picture.covered,
        }
