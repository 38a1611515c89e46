"""Shards in memory: each read once at a time, and kept while there is room."""

from collections import OrderedDict
from collections.abc import Sequence

import anyio
from anyio import to_thread

from consumers.handlers.tiles.catalog import Dataset
from consumers.handlers.tiles.grid import Window
from consumers.handlers.tiles.shards import Values, decode_shard, shard_name
from consumers.handlers.tiles.store import ObjectStore

#: Reads of the store at the same time, over all jobs of a process.
READS_MAX = 16


class ShardCache:
    """Decoded shards of one store, the ones used last, up to *bytes_max* of values.

    Stored objects never change under their name (see `ingest`), so nothing kept here can
    be out of date. Belongs to one event loop.
    """

    def __init__(self, store: ObjectStore, *, bytes_max: int = 128 * 1024 * 1024) -> None:
        self._store = store
        self._bytes_max = bytes_max
        self._bytes = 0
        self._shards: OrderedDict[str, Values] = OrderedDict()
        self._flights: dict[str, anyio.Event] = {}
        self._reads = anyio.CapacityLimiter(READS_MAX)

    @property
    def nbytes(self) -> int:
        """The size of the values that are kept."""
        return self._bytes

    async def shards(self, dataset: Dataset, window: Window) -> dict[int, Values]:
        """Every shard of *dataset* that holds cells of *window*, by index, read in parallel.

        Raises:
            StoreError: an object is missing, or the store does not answer.
            ShardError: an object is no whole shard.
        """
        found: dict[int, Values] = {}
        absent: list[int] = []
        for index in dataset.layout.intersecting(window):
            values = self._kept(shard_name(dataset.storage_path, index))
            if values is None:
                absent.append(index)
            else:
                found[index] = values
        if absent:
            found |= await self._read_all(dataset, absent)
        return found

    async def _read_all(self, dataset: Dataset, indices: Sequence[int]) -> dict[int, Values]:
        found: dict[int, Values] = {}
        failures: list[Exception] = []

        async def read(index: int) -> None:
            try:
                found[index] = await self._read(dataset, index)
            except Exception as error:  # noqa: BLE001 - raised below, without a group around it
                failures.append(error)
                tasks.cancel_scope.cancel()

        async with anyio.create_task_group() as tasks:
            for index in indices:
                tasks.start_soon(read, index)
        if failures:
            raise failures[0]
        return found

    async def _read(self, dataset: Dataset, index: int) -> Values:
        """One shard; whoever comes while it is being read waits for that reader.

        A reader that fails or is cancelled keeps nothing, and the first of those who
        waited reads again: one job's deadline is not the failure of the others.
        """
        name = shard_name(dataset.storage_path, index)
        while (flight := self._flights.get(name)) is not None:
            await flight.wait()
        values = self._kept(name)
        if values is not None:
            return values
        landed = self._flights[name] = anyio.Event()
        try:
            async with self._reads:
                data = await self._store.get(name)
            box = dataset.layout.box(index)
            values = await to_thread.run_sync(decode_shard, name, data, box)
            self._keep(name, values)
        finally:
            del self._flights[name]
            landed.set()
        return values

    def _kept(self, name: str) -> Values | None:
        values = self._shards.get(name)
        if values is not None:
            self._shards.move_to_end(name)
        return values

    def _keep(self, name: str, values: Values) -> None:
        self._shards[name] = values
        self._bytes += values.nbytes
        while self._bytes > self._bytes_max:
            _, oldest = self._shards.popitem(last=False)
            self._bytes -= oldest.nbytes
