"""Tiles of forecasts that become the present: rendered shortly before, on the day."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from producers.errors import ScheduleError
from producers.tilepriority import SCHEDULED_PRIORITY
from producers.warming.pyramid import Pyramid
from producers.warming.tilejob import scheduled_job
from producers.warming.warm import TILES_MAX, warm
from streams.job import NewJob

#: How long before its valid time a forecast is rendered.
LEAD: Final = timedelta(minutes=5)


def schedule_layer(
    layer: str,
    pyramid: Pyramid,
    times: Sequence[datetime],
    *,
    now: datetime,
    styles: Sequence[str] = ("default",),
    lead: timedelta = LEAD,
    priority: int = SCHEDULED_PRIORITY,
    size_px: int = 256,
    tiles_max: int = TILES_MAX,
) -> Iterator[NewJob]:
    """A job for every tile of *pyramid* at each of *times*, to be run *lead* before that time.

    The jobs wait in Redis: nothing of them is lost with a process. Each draws the newest run
    that there is when it runs. The same call twice adds nothing twice, because an id follows
    from the tile and the moment.

    A time that has passed is left out (see `upcoming`). One that is still to come, though it is
    nearer than *lead*, is rendered at once.

    Raises:
        TooManyTilesError: they are more than *tiles_max*.
        ScheduleError: *lead* is negative, or a time or *now* has no time zone.
        ValueError: a value is one that `RenderTile` refuses.
    """
    if lead < timedelta(0):
        raise ScheduleError(f"a forecast is rendered before its time, not {-lead} after it")
    tiles = warm(
        layer,
        pyramid,
        styles=styles,
        times=upcoming(times, now),
        priority=priority,
        size_px=size_px,
        tiles_max=tiles_max,
    )
    return (scheduled_job(tile, tile.time - lead) for tile in tiles if tile.time is not None)


def upcoming(times: Sequence[datetime], now: datetime) -> list[datetime]:
    """Those of *times* that are still to come, rising, each once.

    Raises:
        ScheduleError: a time or *now* has no time zone.
    """
    for time in (*times, now):
        if time.utcoffset() is None:
            raise ScheduleError(
                f"a time needs a time zone, got {time.isoformat()}: use datetime.now(tz=UTC)"
            )
    return sorted({time for time in times if time > now})
