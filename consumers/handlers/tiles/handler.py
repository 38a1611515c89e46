"""Runs `tiles.render`: from a job to a picture in the cache."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from datetime import datetime
from typing import Final

import anyio
import anyio.lowlevel
from anyio import to_thread
from pydantic import JsonValue

from consumers.batch import BatchJob, Result
from consumers.handler import Context
from consumers.handlers.tiles.catalog import Dataset, Selection
from consumers.handlers.tiles.crs import x_first
from consumers.handlers.tiles.dataerrors import ObjectMissingError, TilesDataError, iso_utc
from consumers.handlers.tiles.decoded import ShardCache
from consumers.handlers.tiles.encoding import Format, Indexed, encode
from consumers.handlers.tiles.errors import TileError
from consumers.handlers.tiles.grid import GeographicGrid
from consumers.handlers.tiles.layered import LayeredPainter
from consumers.handlers.tiles.lookups import Lookups, utc_now
from consumers.handlers.tiles.mapping import MappingCache
from consumers.handlers.tiles.pixels import Target
from consumers.handlers.tiles.pyramid import has_between
from consumers.handlers.tiles.reading import Cells, Reader
from consumers.handlers.tiles.render import blank, colour_indices
from consumers.handlers.tiles.sample import Resampling
from consumers.handlers.tiles.sheets import Sheet, drawn_alike, sheets
from consumers.handlers.tiles.styles.colouring import Colouring
from consumers.handlers.tiles.styles.document import Coloured
from consumers.handlers.tiles.styles.library import StyleLibrary
from producers.payloads.tiles import RenderTile
from producers.tilekey import LATEST_TTL, tile_key, ttl_for
from streams.cache import Cache, Entry

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
        [outcome] = await self.paint_many([tile])
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def paint_many(self, tiles: Sequence[RenderTile]) -> list[Picture | Exception]:
        """The picture of each of *tiles*, or the error (see `paint`) that it has instead.

        Those of one layer, time and style that lie side by side are drawn as one, where the
        style is made of colours alone.
        """
        outcomes: dict[int, Picture | Exception] = {}
        groups: dict[Hashable, list[tuple[int, RenderTile, Target]]] = defaultdict(list)
        for number, asked in enumerate(tiles):
            try:
                tile = x_first(asked)
                target = Target.of(tile)
                is_cut = isinstance(self._styles.find(tile.style).document, Coloured)
            except TileError as error:
                outcomes[number] = error
            else:
                alike: Hashable = drawn_alike(tile) if is_cut else number
                groups[alike].append((number, tile, target))
        for group in groups.values():
            numbers, members, targets = zip(*group, strict=True)
            for sheet in sheets(targets):
                drawn = await self._try(members[0], sheet)
                # The worker's other tasks get their turn between two rows.
                await anyio.lowlevel.checkpoint()
                for place, member in enumerate(sheet.members):
                    outcomes[numbers[member]] = drawn[place]
        return [outcomes[number] for number in range(len(tiles))]

    async def _try(self, tile: RenderTile, sheet: Sheet) -> Sequence[Picture | Exception]:
        try:
            try:
                return await self._paint(tile, sheet)
            except ObjectMissingError:
                # An ingest may have replaced the data since the catalog was read.
                self._lookups.forget(tile.layer, tile.time)
                return await self._paint(tile, sheet)
        except (TileError, TilesDataError) as error:
            return [error] * len(sheet.members)

    async def _paint(self, tile: RenderTile, sheet: Sheet) -> list[Picture]:
        selection = await self._lookups.find(tile.layer, tile.time)
        style = self._styles.find(tile.style)
        if isinstance(style.document, Coloured):
            # Where every pixel has its own cell, a wide window costs more than it saves.
            whole = isinstance(selection.dataset.grid, GeographicGrid) and sheet.target.is_straight
            parts = [sheet] if whole else sheet.parts
            drawn = [data for part in parts for data in await self._coloured(tile, part, selection)]
        else:
            drawn = [
                await self._layered.paint(
                    tile.style, selection, sheet.target, tile.scale, tile.format
                )
            ]
        nothing = blank(tile.width_px, tile.height_px, tile.format)
        return [
            Picture(data or nothing, selection.dataset, style.version, covered=data is not None)
            for data in drawn
        ]

    async def _coloured(
        self, tile: RenderTile, sheet: Sheet, selection: Selection
    ) -> list[bytes | None]:
        colouring = self._styles.colouring(tile.style, selection.value_range)
        how = resampling_of(tile, selection.dataset)
        cells = await self._reader.cells(selection.dataset, sheet.target, how)
        if cells is None:
            return [None] * len(sheet.members)
        if sheet.target.width_px * sheet.target.height_px <= DRAWN_IN_THE_LOOP_PX:
            return _draw(cells, sheet, colouring, tile.format)
        return await to_thread.run_sync(_draw, cells, sheet, colouring, tile.format)


def resampling_of(tile: RenderTile, dataset: Dataset) -> Resampling:
    """How *tile* gets its values: as it asks for, but never between two categories."""
    if not has_between(dataset.name.parameter):
        return Resampling.NEAREST
    return Resampling.BILINEAR if tile.resampling == "auto" else Resampling(tile.resampling)


def _draw(cells: Cells, sheet: Sheet, colouring: Colouring, to: Format) -> list[bytes | None]:
    """The pictures of a sheet; None where the grid has nothing of one."""
    indices = colour_indices(cells.window(), cells.mapping, colouring, cells.how)
    return [
        encode(Indexed(indices[:, columns], colouring.palette), to)
        if cells.mapping.covers(columns)
        else None
        for columns in map(sheet.columns, range(len(sheet.members)))
    ]


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
        [result] = await self._run([payload])
        if isinstance(result, Exception):
            raise result
        return result

    async def many(self, jobs: Sequence[BatchJob[RenderTile]], /) -> Sequence[Result]:
        """The same for many jobs, drawn side by side where they lie so (see `sheets`)."""
        return await self._run([job.payload for job in jobs])

    async def _run(self, tiles: Sequence[RenderTile]) -> list[Result]:
        outcomes = await self._painter.paint_many(tiles)
        entries: list[Entry] = []
        results: list[Result] = []
        for tile, outcome in zip(tiles, outcomes, strict=True):
            if isinstance(outcome, Exception):
                results.append(outcome)
                continue
            kept = self._entries(x_first(tile), outcome)
            entries += kept
            results.append(_told(kept[0].name, outcome))
        await self._cache.put_many(entries)
        return results

    def _entries(self, tile: RenderTile, picture: Picture) -> list[Entry]:
        shown, version = picture.dataset.valid_time, picture.style_version
        key = tile_key(tile, shown, style_version=version)
        entries = [Entry(key, picture.data, ttl_for(shown, self._now()))]
        if tile.time is None:
            latest = tile_key(tile, None, style_version=version)
            entries.append(Entry(latest, picture.data, LATEST_TTL))
        return entries


def _told(key: str, picture: Picture) -> JsonValue:
    """What there is to know of a picture that is kept under *key*."""
    return {
        "key": key,
        "bytes": len(picture.data),
        "time": iso_utc(picture.dataset.valid_time),
        "reference_time": iso_utc(picture.dataset.reference_time),
        "covered": picture.covered,
    }
