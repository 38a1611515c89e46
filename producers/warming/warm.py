"""Tiles that fill the cache before anyone asks."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from producers.errors import TooManyTilesError
from producers.payloads.tiles import RenderTile
from producers.tilearea import Area
from producers.tilegrid import tile_bbox, world_of
from producers.tilepriority import WARM_PRIORITY
from producers.warming.pyramid import Pyramid

#: More tiles at once than this are a slip of the keyboard: level 10 has a million.
TILES_MAX: Final = 2_000_000


def warm_layer(
    layer: str,
    style: str,
    max_zoom: int,
    *,
    min_zoom: int = 0,
    area: Area | None = None,
    time: datetime | None = None,
    priority: int = WARM_PRIORITY,
    crs: str = "EPSG:3857",
    size_px: int = 256,
    tiles_max: int = TILES_MAX,
) -> Iterator[RenderTile]:
    """Every tile of *area* on the levels *min_zoom* .. *max_zoom*, the coarse ones first.

    341 for the levels 0 .. 4 of the whole world in Web Mercator. Without an *area* it is the
    whole world of *crs*; an area brings its own coordinate system. *time* None warms the newest
    forecast.

    Raises:
        TooManyTilesError: they are more than *tiles_max*.
        ValueError: the levels are not 0 .. 30 in this order, *crs* has no pyramid, or a value
            is one that `RenderTile` refuses.
    """
    pyramid = Pyramid(max_zoom, min_zoom, area or Area(crs))
    return warm(
        layer,
        pyramid,
        styles=(style,),
        times=(time,),
        priority=priority,
        size_px=size_px,
        tiles_max=tiles_max,
    )


def warm(
    layer: str,
    pyramid: Pyramid,
    *,
    styles: Sequence[str] = ("default",),
    times: Sequence[datetime | None] = (None,),
    priority: int = WARM_PRIORITY,
    size_px: int = 256,
    tiles_max: int = TILES_MAX,
) -> Iterator[RenderTile]:
    """Every tile of *pyramid* in each of *styles* at each of *times*.

    One time after the other, so that its shards are read once, and within a time the coarse
    levels first. The tiles are made one by one: a deep pyramid needs no memory.

    Raises:
        TooManyTilesError: they are more than *tiles_max*.
        ValueError: a value is one that `RenderTile` refuses.
    """
    tiles = pyramid.count * len(styles) * len(times)
    if tiles > tiles_max:
        raise TooManyTilesError(tiles, tiles_max)
    # Wrong arguments are refused by the call, not by the first step of the iterator.
    patterns = [
        [
            RenderTile(
                layer=layer,
                style=style,
                crs=pyramid.crs,
                bbox=world_of(pyramid.crs).bbox,
                width=size_px,
                height=size_px,
                time=time,
                priority=priority,
            )
            for style in styles
        ]
        for time in times
    ]
    return (
        pattern.model_copy(update={"bbox": bbox})
        for styles_of_time in patterns
        for bbox in (tile_bbox(tile, pyramid.crs) for tile in pyramid.tiles())
        for pattern in styles_of_time
    )
