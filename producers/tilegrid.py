"""Addresses of tiles and the areas they cover.

A zoom level cuts the world into squares, counted from the north-west corner: x to the
east, y to the south. Web Mercator (EPSG:3857) starts with one tile, plain longitude and
latitude (EPSG:4326, CRS:84) with two beside each other; every level halves the edge.

Formulas: https://wiki.openstreetmap.org/wiki/Slippy_map_tilenames and OGC 17-083r4,
annex D, which calls the two matrix sets WebMercatorQuad and WorldCRS84Quad.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import log2
from typing import Final

from producers.payloads.tiles import BoundingBox

#: Half the edge of the Web Mercator square: pi times the radius 6378137 m.
WORLD_M: Final = 20037508.342789244

#: The finest level. At 30 a tile is 4 cm wide; a float64 metre still resolves it.
ZOOM_MAX: Final = 30

#: The most rings of neighbours: 1088 tiles around one.
RINGS_MAX: Final = 16

#: How far, in tiles, a bounding box may miss a tile's and still count as it. Clients write
#: metres with as few as two decimals.
TILE_TOLERANCE: Final = 0.01


@dataclass(frozen=True, slots=True)
class World:
    """The area of level 0 and how many square tiles lie in a row of it."""

    bbox: BoundingBox
    columns: int


#: The coordinate systems that have a pyramid of tiles.
WORLDS: Final = {
    "EPSG:3857": World(
        BoundingBox(min_x=-WORLD_M, min_y=-WORLD_M, max_x=WORLD_M, max_y=WORLD_M), columns=1
    ),
    "EPSG:4326": World(BoundingBox(min_x=-180, min_y=-90, max_x=180, max_y=90), columns=2),
    "CRS:84": World(BoundingBox(min_x=-180, min_y=-90, max_x=180, max_y=90), columns=2),
}


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """Level, column from the west, row from the north."""

    z: int
    x: int
    y: int


def world_of(crs: str) -> World:
    """The world of *crs*.

    Raises:
        ValueError: *crs* has no pyramid.
    """
    try:
        return WORLDS[crs]
    except KeyError:
        raise ValueError(
            f"'{crs}' has no pyramid of tiles: use one of {', '.join(WORLDS)}"
        ) from None


def is_valid(tile: Tile, crs: str = "EPSG:3857") -> bool:
    """Whether *tile* lies in the pyramid of *crs*.

    Raises:
        ValueError: *crs* has no pyramid.
    """
    world = world_of(crs)
    return (
        0 <= tile.z <= ZOOM_MAX
        and 0 <= tile.x < world.columns << tile.z
        and 0 <= tile.y < 1 << tile.z
    )


def tile_bbox(tile: Tile, crs: str = "EPSG:3857") -> BoundingBox:
    """The area of *tile* in the units of *crs*.

    Neighbours share their edge to the last bit.

    Raises:
        ValueError: the tile is not valid, or *crs* has no pyramid.
    """
    if not is_valid(tile, crs):
        raise ValueError(f"there is no tile {tile.z}/{tile.x}/{tile.y} in {crs}")
    world = world_of(crs)
    west, south, north = world.bbox.min_x, world.bbox.min_y, world.bbox.max_y
    edge = (north - south) / (1 << tile.z)
    return BoundingBox(
        min_x=west + tile.x * edge,
        min_y=north - (tile.y + 1) * edge,
        max_x=west + (tile.x + 1) * edge,
        max_y=north - tile.y * edge,
    )


def tile_bbox_3857(tile: Tile) -> BoundingBox:
    """The area of *tile* in metres of Web Mercator.

    Raises:
        ValueError: the tile is not valid.
    """
    return tile_bbox(tile, "EPSG:3857")


def tile_bbox_4326(tile: Tile) -> BoundingBox:
    """The area of *tile* in degrees, x the longitude, two tiles at level 0.

    Raises:
        ValueError: the tile is not valid.
    """
    return tile_bbox(tile, "EPSG:4326")


def bbox_tile(bbox: BoundingBox, crs: str = "EPSG:3857") -> Tile:
    """The tile that covers *bbox*: `tile_bbox` backwards.

    Raises:
        ValueError: *bbox* is no tile of *crs*, by more than `TILE_TOLERANCE` of its edge.
    """
    world = world_of(crs)
    height = world.bbox.max_y - world.bbox.min_y
    z = round(log2(height / (bbox.max_y - bbox.min_y)))
    edge = height / 2.0**z
    tile = Tile(
        z,
        round((bbox.min_x - world.bbox.min_x) / edge),
        round((world.bbox.max_y - bbox.max_y) / edge),
    )
    if is_valid(tile, crs) and _distance(bbox, tile_bbox(tile, crs)) <= TILE_TOLERANCE * edge:
        return tile
    raise ValueError(
        f"x {bbox.min_x} .. {bbox.max_x}, y {bbox.min_y} .. {bbox.max_y} is no tile of {crs}"
    )


def neighbours(tile: Tile, rings: int = 1, crs: str = "EPSG:3857") -> Iterator[Tile]:
    """The tiles around *tile*, each once, the nearest ring first, without *tile* itself.

    Columns go on around the earth; rows end at the north and the south.

    Raises:
        ValueError: the tile is not valid, or *rings* is not 0 .. `RINGS_MAX`.
    """
    if not is_valid(tile, crs):
        raise ValueError(f"there is no tile {tile.z}/{tile.x}/{tile.y} in {crs}")
    if not 0 <= rings <= RINGS_MAX:
        raise ValueError(f"0 .. {RINGS_MAX} rings of neighbours are possible, got {rings}")
    return _around(tile, rings, crs)


def _around(tile: Tile, rings: int, crs: str) -> Iterator[Tile]:
    columns = world_of(crs).columns << tile.z
    seen = {tile}
    for ring in range(1, rings + 1):
        for dx, dy in _ring(ring):
            around = Tile(tile.z, (tile.x + dx) % columns, tile.y + dy)
            if around not in seen and is_valid(around, crs):
                seen.add(around)
                yield around


def _ring(ring: int) -> Iterator[tuple[int, int]]:
    for dy in range(-ring, ring + 1):
        step = 1 if abs(dy) == ring else 2 * ring
        for dx in range(-ring, ring + 1, step):
            yield dx, dy


def _distance(one: BoundingBox, other: BoundingBox) -> float:
    return max(
        abs(one.min_x - other.min_x),
        abs(one.min_y - other.min_y),
        abs(one.max_x - other.max_x),
        abs(one.max_y - other.max_y),
    )
