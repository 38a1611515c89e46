"""Jobs that fill the cache before anyone asks."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from producers.payloads.tiles import RenderTile
from producers.tilegrid import count, tile_bbox, tiles_of_zoom

#: The level of urgency of warming: below what a person waits for.
WARM_PRIORITY: Final = 50


def warm_layer(
    layer: str,
    style: str,
    max_zoom: int,
    *,
    min_zoom: int = 0,
    time: datetime | None = None,
    priority: int = WARM_PRIORITY,
    crs: str = "EPSG:3857",
    size_px: int = 256,
) -> Iterator[RenderTile]:
    """One job for every tile of the levels *min_zoom* .. *max_zoom*, the coarse ones first.

    341 jobs for levels 0 .. 4 of Web Mercator. The jobs are made one at a time, so that a
    deep pyramid needs no memory. *time* None warms the newest forecast.

    Raises:
        ValueError: the levels are not 0 .. 30 in this order, *crs* has no pyramid, or a value
            is one that `RenderTile` refuses.
    """
    # Wrong arguments are refused by the call, not by the first step of the iterator.
    count(max_zoom, min_zoom=min_zoom, crs=crs)
    return (
        RenderTile(
            layer=layer,
            style=style,
            crs=crs,
            bbox=tile_bbox(tile, crs),
            width=size_px,
            height=size_px,
            time=time,
            priority=priority,
        )
        for z in range(min_zoom, max_zoom + 1)
        for tile in tiles_of_zoom(z, crs)
    )
