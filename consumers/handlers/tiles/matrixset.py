"""Addresses of tiles in other coordinate systems: OGC's tile matrix sets.

The sets of OGC 17-083r4 and some national ones, as morecantile has them (extra `matrixsets`).
Web Mercator and plain longitude/latitude need none of it (see `producers.tilegrid`).
"""

from importlib import import_module
from typing import Any

from consumers.errors import MissingExtraError
from consumers.handlers.tiles.errors import UnknownNameError
from producers.payloads.tiles import BoundingBox
from producers.tilegrid import Tile


class UnknownMatrixSet(UnknownNameError):  # noqa: N818 - reads better where it is raised
    """Raised when there is no tile matrix set of the name."""

    noun = "tile matrix set"


def matrix_area(name: str, tile: Tile) -> tuple[str, BoundingBox]:
    """The coordinate system of a set, and the area of one of its tiles, x first.

    Raises:
        MissingExtraError: morecantile is not installed.
        UnknownMatrixSet: there is no set of that name.
        ValueError: the set has no such tile.
    """
    morecantile = _morecantile()
    names: list[str] = morecantile.tms.list()
    if name not in names:
        raise UnknownMatrixSet(name, names)
    found = morecantile.tms.get(name)
    address = morecantile.Tile(tile.x, tile.y, tile.z)
    levels = range(found.minzoom, found.maxzoom + 1)
    if tile.z not in levels or not found.is_valid(address):
        raise ValueError(f"there is no tile {tile.z}/{tile.x}/{tile.y} in {name}")
    bounds = found.xy_bounds(address)
    box = BoundingBox(min_x=bounds.left, min_y=bounds.bottom, max_x=bounds.right, max_y=bounds.top)
    return _code(found), box


def matrix_set_names() -> list[str]:
    """The sets that there are.

    Raises:
        MissingExtraError: morecantile is not installed.
    """
    names: list[str] = _morecantile().tms.list()
    return names


def _morecantile() -> Any:
    try:
        return import_module("morecantile")
    except ModuleNotFoundError as error:
        raise MissingExtraError("matrixsets", error.name or "morecantile") from error


def _code(found: Any) -> str:
    """The system's name as a job writes it; OGC's CRS84 has no number at EPSG."""
    number = found.crs.to_epsg()
    return f"EPSG:{number}" if number else "CRS:84"
