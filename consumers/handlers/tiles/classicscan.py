"""Whether a classic NetCDF file is whole, from its header.

The library that reads them takes zeros for what is cut off. The format:
https://docs.unidata.ucar.edu/netcdf-c/current/file_format_specifications.html
"""

from math import prod
from pathlib import Path
from typing import IO, Final, NamedTuple

from consumers.handlers.tiles.dataerrors import NetcdfError

_MAGIC: Final = b"CDF"

#: Bytes of one value of each type.
_TYPE_BYTES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 4, 6: 8, 7: 1, 8: 2, 9: 4, 10: 8, 11: 8}

#: Versions whose counts, and whose places in the file, have eight bytes.
_LARGE_COUNTS: Final = frozenset({5})
_LARGE_PLACES: Final = frozenset({2, 5})


class _Variable(NamedTuple):
    begin: int
    bytes: int
    is_record: bool


def require_whole(path: Path) -> None:
    """Refuse a classic file that ends before its last value; others are not looked at.

    Raises:
        NetcdfError: it ends too early, or its header makes no sense.
    """
    with path.open("rb") as file:
        if file.read(3) != _MAGIC:
            return
        needed = _needed_bytes(path, file)
    if (size := path.stat().st_size) < needed:
        raise NetcdfError(
            f"{path} is not whole: it has {size} bytes of {needed}; nothing of it was used, "
            "fetch it again"
        )


def _needed_bytes(path: Path, file: IO[bytes]) -> int:
    try:
        header = _Header(file)
        records = header.count()
        lengths = header.dimensions()
        header.skip_attributes()
        variables = header.variables(lengths)
    except (EOFError, KeyError, IndexError) as error:
        raise NetcdfError(f"{path} is not whole: its header ends early or is damaged") from error
    # While a file is written, the number of its records may be left open.
    records = 0 if records == header.unknown_count else records
    sizes = [each.bytes for each in variables if each.is_record]
    step = sizes[0] if len(sizes) == 1 else sum(map(_padded, sizes))
    return max((_end(each, records, step) for each in variables), default=0)


def _end(variable: _Variable, records: int, step: int) -> int:
    if not variable.is_record:
        return variable.begin + variable.bytes
    return variable.begin + (records - 1) * step + variable.bytes if records else 0


def _padded(size: int) -> int:
    return size + -size % 4


class _Header:
    """Reads a header from its fourth byte on, item by item."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        version = self._number(1)
        self._count_bytes = 8 if version in _LARGE_COUNTS else 4
        self._place_bytes = 8 if version in _LARGE_PLACES else 4
        self.unknown_count = 256**self._count_bytes - 1

    def count(self) -> int:
        return self._number(self._count_bytes)

    def dimensions(self) -> list[int]:
        """The length of each; 0 is that of records."""
        lengths: list[int] = []
        for _ in range(self._items()):
            self._skip(_padded(self.count()))
            lengths.append(self.count())
        return lengths

    def skip_attributes(self) -> None:
        for _ in range(self._items()):
            self._skip(_padded(self.count()))
            value_bytes = _TYPE_BYTES[self._number(4)]
            self._skip(_padded(value_bytes * self.count()))

    def variables(self, lengths: list[int]) -> list[_Variable]:
        found: list[_Variable] = []
        for _ in range(self._items()):
            self._skip(_padded(self.count()))
            shape = [lengths[self.count()] for _ in range(self.count())]
            self.skip_attributes()
            value_bytes = _TYPE_BYTES[self._number(4)]
            self.count()
            is_record = bool(shape) and shape[0] == 0
            size = value_bytes * prod(shape[1:] if is_record else shape)
            found.append(_Variable(self._number(self._place_bytes), size, is_record))
        return found

    def _items(self) -> int:
        self._number(4)
        return self.count()

    def _number(self, size: int) -> int:
        return int.from_bytes(self._read(size))

    def _skip(self, size: int) -> None:
        self._file.seek(size, 1)

    def _read(self, size: int) -> bytes:
        data = self._file.read(size)
        if len(data) < size:
            raise EOFError
        return data
