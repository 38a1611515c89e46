"""Whether a GRIB file is whole, from its bytes alone, before anything of it is used."""

from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Final, NoReturn

from consumers.handlers.tiles.dataerrors import GribError

#: https://codes.ecmwf.int/grib/format/grib2/sections/0/ and its sister for edition 1.
_START: Final = b"GRIB"
_END: Final = b"7777"
_INDICATOR_BYTES: Final = 16

#: Between messages stand bulletin headers and padding of this size at most; more is the
#: rest of a message whose start is lost.
_GAP_BYTES_MAX: Final = 256

#: The eighth byte of a message; none where the file ends before it.
_EDITIONS: Final = (b"\1", b"\2", b"")

#: Edition 1 marks lengths above 8 MiB with its top bit, in a way of ECMWF's own.
_LARGE_EDITION_1: Final = 0x800000


@dataclass(frozen=True, slots=True)
class GribScan:
    """What a whole file holds: messages, and bytes that belong to none of them."""

    messages: int
    stray_bytes: int


def scan(path: Path) -> GribScan:
    """Count the messages of *path*, each of which is whole.

    Touches only the two ends of each message, so a large file costs little. Bytes between
    messages are passed over, as other readers of GRIB do, but counted.

    Raises:
        GribError: the file cannot be opened, is not GRIB, or a message is cut short or
            damaged; the text says how many messages before it are whole.
    """
    try:
        with path.open("rb") as file:
            if not path.stat().st_size:
                raise GribError(f"{path} is empty")
            with mmap(file.fileno(), 0, access=ACCESS_READ) as data:
                found = _scan(path, data)
    except OSError as error:
        raise GribError(f"cannot read {path}: {error.strerror or type(error).__name__}") from error
    if not found.messages:
        raise GribError(f"{path} is no GRIB file: no message starts in it")
    return found


def _scan(path: Path, data: mmap) -> GribScan:
    messages = stray = position = 0
    while (start := _find(data, position)) is not None:
        left = len(data) - start
        length = _length(path, data[start : start + _INDICATOR_BYTES], messages)
        if length > left:
            _refuse(path, messages, f"the next one needs {length} bytes and {left} are left")
        if data[start + length - len(_END) : start + length] != _END:
            _refuse(path, messages, "the next one does not end where it says")
        stray += _beyond_a_gap(start - position)
        messages, position = messages + 1, start + length
    return GribScan(messages, stray + _beyond_a_gap(len(data) - position))


def _find(data: mmap, position: int) -> int | None:
    """Where the next message starts, or None where no other one does."""
    while (start := data.find(_START, position)) >= 0:
        if data[start + 7 : start + 8] in _EDITIONS:
            return start
        position = start + 1
    return None


def _beyond_a_gap(length: int) -> int:
    return length if length > _GAP_BYTES_MAX else 0


def _length(path: Path, indicator: bytes, messages: int) -> int:
    if len(indicator) < _INDICATOR_BYTES:
        _refuse(path, messages, f"the next one ends after {len(indicator)} bytes")
    first_edition = indicator[7] == 1
    length = int.from_bytes(indicator[4:7] if first_edition else indicator[8:16])
    if first_edition and length >= _LARGE_EDITION_1:
        raise GribError(
            f"{path} holds a GRIB 1 message of more than 8 MiB: convert it with "
            "`grib_set -s edition=2 IN OUT`"
        )
    if length < _INDICATOR_BYTES + len(_END):
        _refuse(path, messages, f"the next one claims to have {length} bytes")
    return length


def _refuse(path: Path, whole: int, problem: str) -> NoReturn:
    noun = "message is" if whole == 1 else "messages are"
    raise GribError(
        f"{path} is not whole: {whole} {noun} complete, but {problem}; nothing of it was used, "
        "fetch it again"
    )
