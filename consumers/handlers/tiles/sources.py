"""What reads a forecast file: its first bytes say of what form it is."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final

from consumers.errors import MissingExtraError
from consumers.handlers.tiles.field import Field, SkippedField
from consumers.handlers.tiles.gribscan import scan

#: Classic NetCDF in its three sizes, and HDF5, which NetCDF 4 is made of.
_NETCDF: Final = (b"CDF\x01", b"CDF\x02", b"CDF\x05", b"\x89HDF")

_MAGIC_BYTES: Final = 4

Reader = Callable[[Path], Generator[Field | SkippedField]]


@dataclass(frozen=True, slots=True)
class Source:
    """The fields of a file. `stray_bytes` belong to no GRIB message."""

    fields: Generator[Field | SkippedField]
    stray_bytes: int = 0


def open_source(path: Path) -> Source:
    """The fields of *path*: GRIB, NetCDF or a directory of Zarr. Blocking.

    Raises:
        GribError: it is neither NetCDF nor whole GRIB.
        MissingExtraError: the extra `grib` or `xarray` is not installed.
    """
    # Each imported only here: no worker and no other form needs it.
    if path.is_dir() or _starts_as_netcdf(path):
        return Source(_reader("xarray", "netcdf")(path))
    found = scan(path)
    return Source(_reader("grib", "grib")(path), found.stray_bytes)


def _starts_as_netcdf(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(_MAGIC_BYTES) in _NETCDF
    except OSError:
        # The scan for GRIB tells of it.
        return False


def _reader(extra: str, module: str) -> Reader:
    try:
        found = import_module(f"consumers.handlers.tiles.{module}")
    except ModuleNotFoundError as error:
        raise MissingExtraError(extra, error.name or extra) from error
    reader: Reader = found.read_fields
    return reader
