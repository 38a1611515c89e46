"""How a grid is cut into objects, and how a window is put together from them.

A shard is a block of neighbouring cells with a header of 32 bytes, little-endian:

    offset  size  content
         0     4  magic `MSHD`
         4     2  version of the layout, 1
         6     2  type of a value: 1 = float32, NaN where it is missing
         8     4  first row of the block in the grid
        12     4  first column
        16     4  rows
        20     4  columns
        24     4  CRC-32 of the values
        28     4  zero
        32     -  the values, row by row

Blocks are at most 512 x 512 cells: 1 MiB, large enough that the request does not cost
more than the transfer, small enough that a tile of a large grid reads little that it does
not draw. A grid of no more cells than that is one block, whatever its shape, so that
every window of it is a view.

The levels of a grid (see `levels`) are cut in the same way, with blocks no larger than its.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from consumers.handlers.tiles.dataerrors import ShardError
from consumers.handlers.tiles.grid import Window

Values = NDArray[np.float32]

#: The edge of a block. A change leaves stored grids readable: the catalog keeps the
#: size that each was cut with.
BLOCK_CELLS = 512

_HEADER = struct.Struct("<4sHHIIIIII")
_MAGIC = b"MSHD"
_VERSION = 1
_FLOAT32 = 1


def shard_name(storage_path: str, index: int) -> str:
    """The object that holds shard *index* of the grid under *storage_path*."""
    return f"{storage_path}_shard_{index:04d}.bin"


@dataclass(frozen=True, slots=True)
class ShardLayout:
    """How a grid of `rows` x `cols` cells is cut: row by row of blocks, from the first."""

    rows: int
    cols: int
    block_rows: int
    block_cols: int

    @classmethod
    def of(cls, rows: int, cols: int) -> Self:
        """The layout for a new grid of that shape."""
        if rows * cols <= BLOCK_CELLS * BLOCK_CELLS:
            return cls(rows, cols, rows, cols)
        return cls(rows, cols, min(rows, BLOCK_CELLS), min(cols, BLOCK_CELLS))

    def at_level(self, level: int) -> "ShardLayout":
        """How that level of the grid is cut."""
        rows, cols = -(-self.rows >> level), -(-self.cols >> level)
        return ShardLayout(rows, cols, min(rows, self.block_rows), min(cols, self.block_cols))

    @property
    def across(self) -> int:
        """Blocks in one row of blocks."""
        return -(-self.cols // self.block_cols)

    @property
    def count(self) -> int:
        """Blocks in all."""
        return self.across * -(-self.rows // self.block_rows)

    def box(self, index: int) -> Window:
        """The cells of shard *index*."""
        down, right = divmod(index, self.across)
        row0, col0 = down * self.block_rows, right * self.block_cols
        return Window(
            row0,
            min(row0 + self.block_rows, self.rows),
            col0,
            min(col0 + self.block_cols, self.cols),
        )

    def intersecting(self, window: Window) -> tuple[int, ...]:
        """The shards that hold cells of *window*, ascending, each once.

        Columns of the window beyond the grid are those at the other end (see `Window`).
        """
        downs = range(window.row0 // self.block_rows, -(-window.row1 // self.block_rows))
        rights = {
            right
            for run in self._runs(window)
            for right in range(run.col0 // self.block_cols, -(-run.col1 // self.block_cols))
        }
        return tuple(down * self.across + right for down in downs for right in sorted(rights))

    def assemble(self, window: Window, shards: Mapping[int, Values]) -> Values:
        """The values of *window*, from the *shards* that intersect it.

        A window inside one shard is a view of it; any other is a new array.
        """
        if len(shards) == 1 and window.col1 <= self.cols:
            ((index, values),) = shards.items()
            box = self.box(index)
            return values[
                window.row0 - box.row0 : window.row1 - box.row0,
                window.col0 - box.col0 : window.col1 - box.col0,
            ]
        merged: Values = np.empty(window.shape, dtype=np.float32)
        for run in self._runs(window):
            for index, values in shards.items():
                _copy_overlap(values, self.box(index), merged, window.row0, run)
        return merged

    def _runs(self, window: Window) -> Iterator["_Run"]:
        """The stretches of columns inside the grid that *window* stands for."""
        col = window.col0
        while col < window.col1:
            inside = col % self.cols
            length = min(self.cols - inside, window.col1 - col)
            yield _Run(inside, inside + length, window.row0, window.row1, col - window.col0)
            col += length


@dataclass(frozen=True, slots=True)
class _Run:
    """Columns of the grid, and where the first of them lies in the window."""

    col0: int
    col1: int
    row0: int
    row1: int
    offset: int


def _copy_overlap(values: Values, box: Window, merged: Values, row0: int, run: _Run) -> None:
    top, bottom = max(box.row0, run.row0), min(box.row1, run.row1)
    left, right = max(box.col0, run.col0), min(box.col1, run.col1)
    if top >= bottom or left >= right:
        return
    shift = run.offset - run.col0
    merged[top - row0 : bottom - row0, left + shift : right + shift] = values[
        top - box.row0 : bottom - box.row0, left - box.col0 : right - box.col0
    ]


def encode_shard(values: Values, box: Window) -> bytes:
    """The object for the cells *box* of a grid, whose *values* are these.

    Raises:
        ValueError: *values* has another shape than *box*.
    """
    if values.shape != box.shape:
        raise ValueError(f"a shard of {box.shape} cells cannot hold {values.shape}")
    body = values.astype("<f4", copy=False).tobytes()
    header = _HEADER.pack(
        _MAGIC, _VERSION, _FLOAT32, box.row0, box.col0, *box.shape, zlib.crc32(body), 0
    )
    return header + body


def decode_shard(name: str, data: bytes, box: Window) -> Values:
    """The values of *box*, as a read-only view of *data*.

    Raises:
        ShardError: the object *name* is not what `encode_shard` makes for *box*.
    """
    if len(data) < _HEADER.size:
        raise ShardError(name, f"it has {len(data)} bytes, a header alone has {_HEADER.size}")
    magic, version, dtype, row0, col0, rows, cols, crc, _ = _HEADER.unpack_from(data)
    if magic != _MAGIC:
        raise ShardError(name, f"it starts with {magic!r}, expected {_MAGIC!r}")
    if (version, dtype) != (_VERSION, _FLOAT32):
        raise ShardError(
            name,
            f"it has layout {version} with value type {dtype}, this program reads layout "
            f"{_VERSION} with value type {_FLOAT32}",
        )
    found = Window(row0, row0 + rows, col0, col0 + cols)
    if found != box:
        raise ShardError(name, f"it holds {_cells(found)}, the catalog expects {_cells(box)}")
    body = memoryview(data)[_HEADER.size :]
    if len(body) != rows * cols * 4:
        raise ShardError(
            name, f"it has {len(body)} bytes of values, {rows * cols * 4} were expected"
        )
    if zlib.crc32(body) != crc:
        raise ShardError(name, "its checksum does not match its values")
    values: Values = np.frombuffer(body, dtype="<f4").reshape(rows, cols)
    return values


def _cells(box: Window) -> str:
    return f"rows {box.row0}..{box.row1 - 1} of columns {box.col0}..{box.col1 - 1}"
