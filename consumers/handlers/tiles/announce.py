"""Telling the queue of new data: the tiles that are wanted of them become jobs.

What is open stays open until its jobs are in the queue. An announcement that is interrupted
is made again by the next one, under the same ids: a job whose record is there is not added a
second time.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from consumers.handlers.tiles.announcements import Announcement
from consumers.handlers.tiles.catalog import Catalog
from consumers.handlers.tiles.coats import require_drawable
from consumers.handlers.tiles.dataerrors import AnnounceError
from consumers.handlers.tiles.errors import TileError
from consumers.handlers.tiles.styles.library import StyleLibrary
from producers.batch import BatchReport
from producers.client import Producer
from producers.errors import TooManyTilesError
from producers.payloads.tiles import RenderTile
from producers.warming.pyramid import Pyramid
from producers.warming.tilejob import announced_job
from producers.warming.warm import warm

#: Announcements read from the catalog at a time.
_PAGE = 100

#: Hears how many announcements have been dealt with.
Listener = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An announcement that no worker could draw a tile of, and why."""

    announcement: Announcement
    reason: str


@dataclass(frozen=True, slots=True)
class AnnounceReport:
    """What became of open announcements.

    `existing` are jobs that were there from an announcement which was interrupted.
    """

    made: tuple[Announcement, ...]
    left_out: tuple[LeftOut, ...]
    accepted: int
    existing: int


async def announce(
    catalog: Catalog,
    styles: StyleLibrary,
    jobs: Producer,
    *,
    delay: timedelta,
    listener: Listener | None = None,
) -> AnnounceReport:
    """Enqueue the tiles of every open announcement, and close it.

    The jobs wait for *delay*: as long as a worker may believe that the data before are the
    newest ones.

    Raises:
        AnnounceError: the queue refuses jobs; what was not announced stays open.
        CatalogError: the catalog does not answer.
        StreamsError, redis.exceptions.RedisError: the queue does not answer.
    """
    opened = catalog.announcements
    made: list[Announcement] = []
    left_out: list[LeftOut] = []
    accepted = existing = 0
    while page := await opened.open(_PAGE):
        for each in page:
            try:
                tiles = await _tiles(catalog, styles, each)
            except (TileError, TooManyTilesError) as error:
                left_out.append(LeftOut(each, str(error)))
            else:
                report = await _enqueue(jobs, each, tiles, delay)
                accepted += report.accepted
                existing += report.existing
                made.append(each)
            await opened.close(each)
            if listener is not None:
                listener(len(made) + len(left_out))
    return AnnounceReport(tuple(made), tuple(left_out), accepted, existing)


async def _tiles(
    catalog: Catalog, styles: StyleLibrary, each: Announcement
) -> Iterator[RenderTile]:
    """What it wants; raises where no worker could draw it."""
    found = await catalog.find(each.layer, each.valid_time, now=datetime.now(tz=UTC))
    require_drawable(styles, each.style, found.value_range)
    pyramid = Pyramid.parse(each.shape)
    return warm(each.layer, pyramid, styles=(each.style,), times=(each.valid_time,))


async def _enqueue(
    jobs: Producer, each: Announcement, tiles: Iterator[RenderTile], delay: timedelta
) -> BatchReport:
    report = await jobs.enqueue_many(
        announced_job(tile, each.storage_path, delay) for tile in tiles
    )
    if report.refused:
        raise AnnounceError(
            f"the queue '{jobs.queue}' is full or being drained: it refused {report.refused} tiles "
            f"of {each.layer}; announce again later"
        )
    return report
