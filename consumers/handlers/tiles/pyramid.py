"""The values of the coarser levels of a grid (see `levels`), made when it is stored.

What stands for a block of points follows from what the layer is: the mean of most, the
largest of a radar's reflectivity, whose storms would fade away in a mean, the most frequent
of categories, which have no mean, and the middle one of directions: between 359 and 1 degree
lies no 180.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from consumers.handlers.tiles.grid import Window
from consumers.handlers.tiles.shards import ShardLayout

Float32s = npt.NDArray[np.float32]
FloatT = TypeVar("FloatT", bound=np.floating)

#: A mean needs at least this share of its block present, as an interpolated value does.
PRESENT_SHARE_MIN: Final = 0.5


class Summary(StrEnum):
    """What stands for a block of points."""

    MEAN = "mean"
    MAXIMUM = "maximum"
    MODE = "mode"
    MIDDLE = "middle"


#: Parameters that are no measure of which a mean could be taken.
_PARAMETERS: Final[Mapping[str, Summary]] = MappingProxyType(
    {
        "CFRZR": Summary.MODE,
        "CICEP": Summary.MODE,
        "CRAIN": Summary.MODE,
        "CSNOW": Summary.MODE,
        "DIRPW": Summary.MIDDLE,
        "DIRSW": Summary.MIDDLE,
        "LAND": Summary.MODE,
        "MAXREF": Summary.MAXIMUM,
        "PTYPE": Summary.MODE,
        "REFC": Summary.MAXIMUM,
        "REFD": Summary.MAXIMUM,
        "SOTYP": Summary.MODE,
        "SWDIR": Summary.MIDDLE,
        "VGTYP": Summary.MODE,
        "WDIR": Summary.MIDDLE,
        "WEATHER": Summary.MODE,
        "WVDIR": Summary.MIDDLE,
    }
)


def summary_of(parameter: str) -> Summary:
    """What stands for a block of points of *parameter*, a name such as `TMP` or `REFC`."""
    if "reflectivity" in parameter.lower():
        return Summary.MAXIMUM
    return _PARAMETERS.get(parameter.upper(), Summary.MEAN)


def has_between(parameter: str) -> bool:
    """Whether anything lies between two values of *parameter*: not so for categories.

    Nor for directions, whose numbers jump in the north.
    """
    return summary_of(parameter) not in {Summary.MODE, Summary.MIDDLE}


class Pyramid:
    """The levels of one field, filled block by block: no more of the field is in memory."""

    def __init__(self, layout: ShardLayout, levels: int, summary: Summary) -> None:
        self._summary = summary
        self._values: dict[int, Float32s] = {
            level: np.empty((cut.rows, cut.cols), dtype=np.float32)
            for level in range(1, levels + 1)
            for cut in [layout.at_level(level)]
        }

    def take(self, box: Window, values: Float32s) -> None:
        """The *values* of a shard, the cells *box*; every shard once."""
        for level, whole in self._values.items():
            part = summarised(values, level, self._summary)
            row0, col0 = box.row0 >> level, box.col0 >> level
            whole[row0 : row0 + part.shape[0], col0 : col0 + part.shape[1]] = part

    def __iter__(self) -> Iterator[tuple[int, Float32s]]:
        return iter(self._values.items())


def summarised(values: Float32s, level: int, summary: Summary) -> Float32s:
    """One value for each block of 2^*level* x 2^*level* cells, NaN where it has none.

    Blocks at the last row and column may be smaller. A block without a value has none; a
    mean has none either where less than half of its block has.
    """
    block = 1 << level
    match summary:
        case Summary.MEAN:
            return _means(values, block)
        case Summary.MAXIMUM:
            return _blocks(np.fmax, values, block)
        case Summary.MODE:
            return _modes(values, block)
        case Summary.MIDDLE:
            rows, cols = (_middles(size, block) for size in values.shape)
            return values[np.ix_(rows, cols)]


def _means(values: Float32s, block: int) -> Float32s:
    present = np.isfinite(values)
    totals = _blocks(np.add, np.where(present, values, 0).astype(np.float64), block)
    counts = _blocks(np.add, present.astype(np.float64), block)
    cells = _blocks(np.add, np.ones(values.shape), block)
    means = totals / np.maximum(counts, 1)
    means[counts < PRESENT_SHARE_MIN * cells] = np.nan
    return means.astype(np.float32)


def _modes(values: Float32s, block: int) -> Float32s:
    """The most frequent value; of equally frequent ones the least."""
    shape = _blocks(np.fmax, values, block).shape
    best, modes = np.zeros(shape), np.full(shape, np.nan, dtype=np.float32)
    for category in np.unique(values[np.isfinite(values)]):
        counts = _blocks(np.add, (values == category).astype(np.float64), block)
        modes[counts > best] = category
        np.maximum(best, counts, out=best)
    return modes


def _middles(size: int, block: int) -> npt.NDArray[np.intp]:
    starts = np.arange(0, size, block)
    return (starts + np.minimum(starts + block, size)) // 2


def _blocks(combine: np.ufunc, values: npt.NDArray[FloatT], block: int) -> npt.NDArray[FloatT]:
    rows, cols = (np.arange(0, size, block) for size in values.shape)
    lines: npt.NDArray[FloatT] = combine.reduceat(values, rows, axis=0)
    blocks: npt.NDArray[FloatT] = combine.reduceat(lines, cols, axis=1)
    return blocks
