"""From the pixels of a picture to the points of a grid.

A mapping says for every pixel which four points surround it and how near it is to each.
It depends on the grid and the picture alone, so one mapping serves every parameter, time
and style.

A point outside of the outermost points of a grid has no value. Two exceptions: a grid
that goes around the earth has no east and west end, and where its last row lies within
one step of a pole, that row stands for the pole as well.
"""

from collections import OrderedDict
from threading import Lock
from typing import Final

from consumers.handlers.tiles.curved import map_curved
from consumers.handlers.tiles.geographic import map_geographic
from consumers.handlers.tiles.grid import GeographicGrid, Grid
from consumers.handlers.tiles.levels import axes_of, level_for
from consumers.handlers.tiles.pixels import Target
from consumers.handlers.tiles.reach import require_within_reach
from consumers.handlers.tiles.weights import Mapping, widened

#: A mapping that would take more of the cache is not kept: it would push out all others.
LARGEST_SHARE: Final = 0.25

#: What a cached mapping costs beside its arrays, in bytes.
ENTRY_BYTES: Final = 1024


def map_tile(grid: Grid, target: Target, levels: int = 0, margin: int = 0) -> Mapping | None:
    """How the pixels of *target* fall on *grid*; None where none of them does.

    *levels* is how many coarser levels there are of the grid (see `levels`), *margin* how
    many points are needed beyond those around the pixels.

    Raises:
        GridError: PROJ does not understand the grid's projection.
        OutOfAreaError: the picture lies far outside of the area of its system.
    """
    require_within_reach(target)
    level = level_for(grid, target, levels)
    mapping: Mapping | None
    if isinstance(grid, GeographicGrid) and target.is_straight:
        mapping = map_geographic(grid, target, level)
    else:
        mapping = map_curved(grid, target, level)
    return mapping and widened(mapping, margin, *axes_of(grid, level)) if margin else mapping


class MappingCache:
    """The mappings used last, up to *bytes_max* of them. Safe to use from many threads.

    A mapping of 256 x 256 pixels has 7 kB where the grid is geographic and the system of the
    picture straight, and 0.6 MB where not.
    """

    def __init__(self, bytes_max: int = 64 * 1024 * 1024) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._mappings: OrderedDict[tuple[Grid, Target, int, int], Mapping | None] = OrderedDict()
        self._lock = Lock()

    def is_known(self, grid: Grid, target: Target, levels: int = 0, margin: int = 0) -> bool:
        """Whether `map_tile` answers at once."""
        return (grid, target, levels, margin) in self._mappings

    def map_tile(
        self, grid: Grid, target: Target, levels: int = 0, margin: int = 0
    ) -> Mapping | None:
        """`map_tile`, remembered.

        Raises:
            GridError, OutOfAreaError: as for `map_tile`.
        """
        key = (grid, target, levels, margin)
        with self._lock:
            if key in self._mappings:
                self._mappings.move_to_end(key)
                return self._mappings[key]
        # Two threads may map the same tile at once: the second result replaces the first.
        mapping = map_tile(grid, target, levels, margin)
        if _cost(mapping) > self._bytes_max * LARGEST_SHARE:
            return mapping
        with self._lock:
            if key not in self._mappings:
                self._bytes += _cost(mapping)
            self._mappings[key] = mapping
            while self._bytes > self._bytes_max:
                _, oldest = self._mappings.popitem(last=False)
                self._bytes -= _cost(oldest)
        return mapping

    def __len__(self) -> int:
        return len(self._mappings)


def _cost(mapping: Mapping | None) -> int:
    return ENTRY_BYTES + (mapping.nbytes if mapping else 0)
