"""The cells under a picture, fetched and ready to be sampled."""

from dataclasses import dataclass

import numpy as np
from anyio import to_thread

from consumers.handlers.tiles.catalog import Dataset
from consumers.handlers.tiles.decoded import ShardCache
from consumers.handlers.tiles.grid import ProjectedGrid
from consumers.handlers.tiles.mapping import MappingCache
from consumers.handlers.tiles.pixels import Target
from consumers.handlers.tiles.sample import Resampling, sample
from consumers.handlers.tiles.shards import Values
from consumers.handlers.tiles.weights import Float32s, Mapping, strips


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """The shards under a picture, and how its pixels fall on them.

    `dataset` is the level of the layer that they are of.
    """

    dataset: Dataset
    mapping: Mapping
    shards: dict[int, Values]
    how: Resampling

    def window(self) -> Float32s:
        """The cells of `mapping.window`, NaN where they are missing."""
        return self.dataset.layout.assemble(self.mapping.window, self.shards)

    def field(self) -> Float32s:
        """The field at every pixel: float32[height, width], NaN where it is missing."""
        window = self.window()
        field = np.empty(self.mapping.shape, dtype=np.float32)
        for part in strips(self.mapping.shape):
            field[part] = sample(window, self.mapping.strip(part), self.how)
        return field


class Reader:
    """Finds and fetches cells; mappings and decoded shards are kept."""

    def __init__(self, shards: ShardCache, mappings: MappingCache) -> None:
        self._shards = shards
        self._mappings = mappings

    async def cells(
        self, dataset: Dataset, target: Target, how: Resampling, *, levels: int | None = None
    ) -> Cells | None:
        """The cells under *target*; None where the grid has none there, and nothing is read.

        *levels* is how many of the coarser levels may be used, all of them by default.

        Raises:
            TileError: the grid cannot be drawn there.
            StoreError: an object is missing, or the store does not answer.
            ShardError: an object is no whole shard.
        """
        asked = dataset.grid, target, dataset.levels if levels is None else levels, how.margin
        # A projection takes milliseconds; without one, the thread would cost more.
        is_slow = isinstance(dataset.grid, ProjectedGrid) or not target.is_straight
        if is_slow and not self._mappings.is_known(*asked):
            mapping = await to_thread.run_sync(self._mappings.map_tile, *asked)
        else:
            mapping = self._mappings.map_tile(*asked)
        if mapping is None:
            return None
        level = dataset.at_level(mapping.level)
        return Cells(level, mapping, await self._shards.shards(level, mapping.window), how)
