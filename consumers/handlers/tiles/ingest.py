"""From fields to layers: shards first, the catalog's rows last.

An ingest is all or nothing. Its rows appear in one transaction at the end; when anything
fails before it, or the ingest is interrupted, what was written is removed again. An object
is named by a digest of what it holds, so a second ingest of the same file writes the same
objects and rows, and no object that a worker may be reading is ever overwritten with other
values. What rows no longer point to is removed; a worker that still knew them looks again.

One weakness: of two ingests of one file at the same moment, one that fails may remove what
the other has just written. Its tiles then say that objects are missing, and a third ingest
mends it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
import numpy as np
from anyio import to_thread

from consumers.handlers.tiles.announcements import Announcement
from consumers.handlers.tiles.catalog import Catalog, Dataset, DatasetKey
from consumers.handlers.tiles.dataerrors import IngestError, TilesDataError, iso_utc
from consumers.handlers.tiles.described import described, storage_path_of, widened
from consumers.handlers.tiles.field import Field, SkippedField
from consumers.handlers.tiles.levels import levels_of
from consumers.handlers.tiles.models import model_of_file
from consumers.handlers.tiles.names import LayerName, layer_name
from consumers.handlers.tiles.pyramid import Pyramid, summary_of
from consumers.handlers.tiles.shards import (
    Values,
    decode_shard,
    encode_shard,
    shard_name,
)
from consumers.handlers.tiles.sources import open_source
from consumers.handlers.tiles.store import ObjectStore
from producers.warming.rule import WarmRule

#: The two components of a wind, each with its partner.
_COMPONENTS = {"UGRD": "VGRD", "VGRD": "UGRD"}

#: Hears the name of each layer when its shards are stored.
Listener = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What became of a file. `stray_bytes` belong to no message and were passed over."""

    datasets: tuple[Dataset, ...]
    skipped: tuple[SkippedField, ...]
    stray_bytes: int = 0


async def ingest_file(
    path: Path,
    catalog: Catalog,
    store: ObjectStore,
    *,
    model: str | None = None,
    rules: Sequence[WarmRule] = (),
    listener: Listener | None = None,
) -> IngestReport:
    """Make layers of the fields of a GRIB or NetCDF file, or of a directory of Zarr.

    The model is *model*, or what the fields say, or the first word of the file's name. What
    *rules* want of them is noted with them, to be announced (see `announce`).

    Raises:
        GribError, NetcdfError: the file is of neither form or not whole; nothing of it was used.
        IngestError: no field of it can become a layer, or a layer lies on another grid.
        MissingExtraError: the extra `grib` or `xarray` is not installed.
        StoreError, CatalogError: they do not answer; nothing of the file became visible.
    """
    if model is not None:
        layer_name(model, "x", "x")
    source = await to_thread.run_sync(open_source, path)
    with closing(source.fields) as fields:
        named = _with_model(fields, model, model_of_file(path.name))
        report = await ingest_fields(named, catalog, store, rules=rules, listener=listener)
    if not report.datasets:
        reasons = "; ".join(sorted({each.reason for each in report.skipped})) or "it has no fields"
        raise IngestError(f"nothing of {path} can become a layer: {reasons}")
    return replace(report, stray_bytes=source.stray_bytes)


async def ingest_fields(
    fields: Iterable[Field | SkippedField],
    catalog: Catalog,
    store: ObjectStore,
    *,
    rules: Sequence[WarmRule] = (),
    listener: Listener | None = None,
) -> IngestReport:
    """Make layers of *fields*, which name their model; one of them is in memory at a time.

    Where the east and north components of a wind come, their speed becomes a layer, too. What
    *rules* want of them all is noted with them, to be announced (see `announce`).

    Raises:
        IngestError: a name is not allowed, or a layer lies on another grid already.
        StoreError, CatalogError: they do not answer; nothing became visible.
    """
    ingest = _Ingest(catalog, store, listener)
    waiting = iter(fields)
    try:
        while (field := await to_thread.run_sync(next, waiting, None)) is not None:
            await ingest.take(field)
        await ingest.derive_winds()
        stored = tuple(ingest.datasets.values())
        replaced = await catalog.add(stored, _wanted(stored, rules))
    except BaseException:
        # What cannot be removed now is no more than unused space.
        with anyio.CancelScope(shield=True), suppress(TilesDataError):
            await ingest.discard(ingest.written)
        raise
    await ingest.discard(replaced)
    return IngestReport(stored, tuple(ingest.skipped))


class _Ingest:
    """One run: what it stored, and what will become visible."""

    def __init__(self, catalog: Catalog, store: ObjectStore, listener: Listener | None) -> None:
        self._catalog = catalog
        self._store = store
        self._listener = listener
        self.datasets: dict[DatasetKey, Dataset] = {}
        self.skipped: list[SkippedField] = []
        self.written: list[Dataset] = []

    async def take(self, field: Field | SkippedField) -> None:
        """Store one field, unless there was one for the same layer and time."""
        if isinstance(field, SkippedField):
            self.skipped.append(field)
            return
        dataset = await to_thread.run_sync(described, field)
        if dataset.key in self.datasets:
            reason = "there are two fields for this layer and time; the first was taken"
            self.skipped.append(SkippedField(field.name, reason))
            return
        await self._require_same_grid(dataset)
        await self._store_shards(dataset, field.values)
        self._add(dataset)

    async def derive_winds(self) -> None:
        """Store the speed of every wind whose two components are known.

        The speed is the same along the axes of the grid as along those of the earth, so
        components relative to the grid need no rotation.
        """
        for one in tuple(self.datasets.values()):
            wind = one.key._replace(name=one.name._replace(parameter="WIND"))
            if one.name.parameter not in _COMPONENTS or wind in self.datasets:
                continue
            other = await self._partner(one)
            if other is not None and (other.grid, other.layout) == (one.grid, one.layout):
                await self._store_speed(wind.name, one, other)

    async def discard(self, unused: Iterable[Dataset]) -> None:
        """Remove the shards of *unused*, except those that the catalog points to."""
        for dataset in unused:
            if await self._catalog.uses(dataset.storage_path):
                continue
            for level in range(dataset.levels + 1):
                part = dataset.at_level(level)
                for index in range(part.layout.count):
                    await self._store.delete(shard_name(part.storage_path, index))

    async def _require_same_grid(self, dataset: Dataset) -> None:
        """Another domain of the same model must not take the place of the first."""
        before = await self._catalog.exact(dataset.key)
        if before is not None and before.grid != dataset.grid:
            raise IngestError(
                f"the layer '{dataset.layer}' has a value for {iso_utc(dataset.valid_time)} on "
                "another grid already: give this one a name of its own with --model"
            )

    async def _partner(self, one: Dataset) -> Dataset | None:
        """The other component: from this file, or from one that was ingested before."""
        key = one.key._replace(name=one.name._replace(parameter=_COMPONENTS[one.name.parameter]))
        return self.datasets.get(key) or await self._catalog.exact(key)

    async def _store_shards(self, dataset: Dataset, values: Values) -> None:
        self.written.append(dataset)
        pyramid = _pyramid(dataset)
        await self._store_whole(dataset, values, pyramid)
        await self._store_levels(dataset, pyramid)

    async def _store_whole(
        self, dataset: Dataset, values: Values, pyramid: Pyramid | None = None
    ) -> None:
        for index in range(dataset.layout.count):
            box = dataset.layout.box(index)
            block = values[box.row0 : box.row1, box.col0 : box.col1]
            await self._write_shard(dataset, index, block)
            if pyramid is not None:
                await to_thread.run_sync(pyramid.take, box, block)

    async def _store_levels(self, dataset: Dataset, pyramid: Pyramid) -> None:
        for level, values in pyramid:
            await self._store_whole(dataset.at_level(level), values)

    async def _store_speed(self, name: LayerName, one: Dataset, other: Dataset) -> None:
        """Shard by shard: never a whole field in memory."""
        path = storage_path_of(replace(one, name=name), f"{one.storage_path} {other.storage_path}")
        wind = replace(
            one,
            name=name,
            storage_path=path,
            vmin=None,
            vmax=None,
            levels=levels_of(one.grid),
        )
        self.written.append(wind)
        pyramid = _pyramid(wind)
        for index in range(wind.layout.count):
            components = [await self._read_shard(each, index) for each in (one, other)]
            speed: Values = np.hypot(*components)
            await self._write_shard(wind, index, speed)
            await to_thread.run_sync(pyramid.take, wind.layout.box(index), speed)
            wind = widened(wind, speed)
        await self._store_levels(wind, pyramid)
        self._add(wind)

    async def _write_shard(self, dataset: Dataset, index: int, values: Values) -> None:
        data = await to_thread.run_sync(encode_shard, values, dataset.layout.box(index))
        await self._store.put(shard_name(dataset.storage_path, index), data)

    async def _read_shard(self, dataset: Dataset, index: int) -> Values:
        name = shard_name(dataset.storage_path, index)
        data = await self._store.get(name)
        return await to_thread.run_sync(decode_shard, name, data, dataset.layout.box(index))

    def _add(self, dataset: Dataset) -> None:
        self.datasets[dataset.key] = dataset
        if self._listener is not None:
            self._listener(dataset.layer)


def _wanted(stored: Iterable[Dataset], rules: Sequence[WarmRule]) -> list[Announcement]:
    """What *rules* want of the new data, each once."""
    wanted = (
        Announcement(
            layer=dataset.layer,
            reference_time=dataset.reference_time,
            valid_time=dataset.valid_time,
            style=style,
            shape=rule.shape,
            storage_path=dataset.storage_path,
        )
        for dataset in stored
        for rule in rules
        if rule.wants(dataset.layer)
        for style in rule.styles
    )
    return list(dict.fromkeys(wanted))


def _with_model(
    fields: Iterator[Field | SkippedField], model: str | None, otherwise: str
) -> Iterator[Field | SkippedField]:
    for field in fields:
        if isinstance(field, SkippedField):
            yield field
        else:
            yield replace(field, model=model or field.model or otherwise)


def _pyramid(dataset: Dataset) -> Pyramid:
    return Pyramid(dataset.layout, dataset.levels, summary_of(dataset.name.parameter))
