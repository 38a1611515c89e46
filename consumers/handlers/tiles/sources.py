"""What reads a forecast file: its first bytes say of what form it is."""

from collections.abc import Generator
from contextlib import contextmanager
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
    # Each module is imported only here: no worker and no other form needs its packages.
    if path.is_dir() or _starts_as_netcdf(path):
        with _needing("xarray"):
            netcdf = import_module("consumers.handlers.tiles.netcdf")
        return Source(netcdf.read_fields(path))
    found = scan(path)
    with _needing("grib"):
        grib = import_module("consumers.handlers.tiles.grib")
    return Source(grib.read_fields(path), found.stray_bytes)


def _starts_as_netcdf(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(_MAGIC_BYTES) in _NETCDF
    except OSError:
        # The scan for GRIB tells of it.
        return False


@contextmanager
def _needing(extra: str) -> Generator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingExtraError(extra, error.name or extra) from error
