"""Runs `tiles.render`: from a job to a picture in the cache."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from anyio import to_thread
from pydantic import JsonValue

from consumers.handler import Context
from consumers.handlers.tiles.catalog import Dataset, Selection
from consumers.handlers.tiles.crs import x_first
from consumers.handlers.tiles.dataerrors import ObjectMissingError, iso_utc
from consumers.handlers.tiles.decoded import ShardCache
from consumers.handlers.tiles.encoding import Format
from consumers.handlers.tiles.layered import LayeredPainter
from consumers.handlers.tiles.lookups import Lookups, utc_now
from consumers.handlers.tiles.mapping import MappingCache
from consumers.handlers.tiles.pixels import Target
from consumers.handlers.tiles.pyramid import has_between
from consumers.handlers.tiles.reading import Cells, Reader
from consumers.handlers.tiles.render import blank, render
from consumers.handlers.tiles.sample import Resampling
from consumers.handlers.tiles.styles.colouring import Colouring
from consumers.handlers.tiles.styles.document import Coloured
from consumers.handlers.tiles.styles.library import StyleLibrary
from producers.payloads.tiles import RenderTile
from producers.tilekey import LATEST_TTL, tile_key, ttl_for
from streams.cache import Cache

#: A usual tile takes a millisecond. Handed to a thread it takes a fifth more of the whole
#: worker's time, because the thread and the event loop wait for each other's lock.
DRAWN_IN_THE_LOOP_PX: Final = 256 * 256


class Picture:
    """A drawn tile: its bytes, the grid and the version of the style that it shows.

    *covered* tells whether the grid has anything there at all.
    """

    __slots__ = ("covered", "data", "dataset", "style_version")

    def __init__(self, data: bytes, dataset: Dataset, style_version: str, *, covered: bool) -> None:
        self.data = data
        self.dataset = dataset
        self.style_version = style_version
        self.covered = covered


class TilePainter:
    """Draws tiles from catalog and shards. The queue and the command line share it."""

    def __init__(
        self, lookups: Lookups, shards: ShardCache, mappings: MappingCache, styles: StyleLibrary
    ) -> None:
        self._lookups = lookups
        self._styles = styles
        self._reader = Reader(shards, mappings)
        self._layered = LayeredPainter(lookups, self._reader, styles)

    async def paint(self, tile: RenderTile) -> Picture:
        """The picture that *tile* asks for.

        Whether the grid covers it is decided before anything is read from the store.

        Raises:
            TileError: the job names a layer, time, style or coordinate system that does
                not exist, or the grid cannot be drawn in it. No retry can help.
            RunMismatchError: a layer of a composite has no value of the same run yet.
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
        style = self._styles.find(tile.style)
        if isinstance(style.document, Coloured):
            data = await self._coloured(tile, target, selection)
        else:
            data = await self._layered.paint(tile.style, selection, target, tile.scale, tile.format)
        nothing = data is None
        if data is None:
            data = blank(target.width_px, target.height_px, tile.format)
        return Picture(data, selection.dataset, style.version, covered=not nothing)

    async def _coloured(
        self, tile: RenderTile, target: Target, selection: Selection
    ) -> bytes | None:
        colouring = self._styles.colouring(tile.style, selection.value_range)
        how = resampling_of(tile, selection.dataset)
        cells = await self._reader.cells(selection.dataset, target, how)
        if cells is None:
            return None
        if target.width_px * target.height_px <= DRAWN_IN_THE_LOOP_PX:
            return _draw(cells, colouring, tile.format)
        return await to_thread.run_sync(_draw, cells, colouring, tile.format)


def resampling_of(tile: RenderTile, dataset: Dataset) -> Resampling:
    """How *tile* gets its values: as it asks for, but never between two categories."""
    if not has_between(dataset.name.parameter):
        return Resampling.NEAREST
    return Resampling.BILINEAR if tile.resampling == "auto" else Resampling(tile.resampling)


def _draw(cells: Cells, colouring: Colouring, to: Format) -> bytes:
    return render(cells.window(), cells.mapping, colouring, cells.how, to)


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
        version = picture.style_version
        key = tile_key(payload, shown, style_version=version)
        await self._cache.put(key, picture.data, ttl_for(shown, self._now()))
        if payload.time is None:
            latest = tile_key(payload, None, style_version=version)
            await self._cache.put(latest, picture.data, LATEST_TTL)
        return {
            "key": key,
            "bytes": len(picture.data),
            "time": iso_utc(shown),
            "reference_time": iso_utc(picture.dataset.reference_time),
            "covered": picture.covered,
        }
