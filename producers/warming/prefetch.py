"""Tiles that are wanted next, because somebody looks at the one beside them."""

from producers.payloads.tiles import RenderTile
from producers.tilegrid import bbox_tile, neighbours, tile_bbox
from producers.tilepriority import PREFETCH_PRIORITY


def prefetch_neighbors(
    tile: RenderTile, rings: int = 1, *, priority: int = PREFETCH_PRIORITY
) -> list[RenderTile]:
    """The tiles around *tile*, the nearest ring first: 8 for one ring, 24 for two.

    They ask for the same layer, style, time and size. Each is there once, and *tile* itself is
    not. Columns go on over the dateline; rows end at the north and the south.

    Raises:
        ValueError: *tile* covers no tile of its coordinate system, which has no pyramid or
            other ones, or *rings* is not 0 .. 16.
    """
    centre = bbox_tile(tile.bbox, tile.crs)
    return [
        tile.model_copy(
            update={
                "bbox": tile_bbox(around, tile.crs),
                "priority": priority,
                "id": None,
                "enqueued_at": None,
            }
        )
        for around in neighbours(centre, rings, tile.crs)
    ]
