"""The commands of `millstream tiles` that ask for tiles before anybody else does."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

import anyio
import typer
from pydantic import ValidationError

from consumers.handlers.tiles.announce import AnnounceReport, announce
from consumers.handlers.tiles.arguments import (
    QUEUE,
    Box,
    DryRun,
    Layer,
    MaxZoom,
    MinZoom,
    StyleNames,
    TileCrs,
    Unchecked,
    in_one_line,
    installed_data,
    moment,
    moments,
    pyramid_of,
)
from consumers.handlers.tiles.coats import require_drawable
from consumers.handlers.tiles.wishes import Wish, announced_json, announced_text, write_wish
from producers.cli.boundary import CommandError
from producers.cli.options import DEFAULT_URL, AsJson, RedisUrl
from producers.cli.output import new_console, write_json
from producers.cli.progress import shown_progress
from producers.cli.sending import send
from producers.cli.times import span_ms
from producers.client import Producer
from producers.errors import TooManyTilesError
from producers.tilepriority import SCHEDULED_PRIORITY, WARM_PRIORITY
from producers.warming.scheduled import schedule_layer, upcoming
from producers.warming.tilejob import tile_job
from producers.warming.warm import warm as warmed

#: What a worker's question to the catalog may take: an answer of before the new data is kept from
#: its arrival on.
LOOKUP_MAX = timedelta(seconds=1)

Urgency = Annotated[
    int, typer.Option(min=0, max=255, help="250 critical, 200 high, 100 normal, below: low.")
]


def warm(
    *,
    layer: Layer,
    style: StyleNames = None,
    max_zoom: MaxZoom,
    min_zoom: MinZoom = 0,
    bbox: Box = None,
    crs: TileCrs = "EPSG:3857",
    time: Annotated[
        list[str] | None,
        typer.Option(
            help="Valid time, such as 2026-11-22T06:00Z; more than once for several.  "
            "[default: the latest]"
        ),
    ] = None,
    priority: Urgency = WARM_PRIORITY,
    unchecked: Unchecked = False,
    dry_run: DryRun = False,
    redis_url: RedisUrl = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Ask the workers for every tile of some levels: 341 for the levels 0 to 4 of the world."""
    pyramid = pyramid_of(min_zoom, max_zoom, bbox, crs)
    styles = list(dict.fromkeys(style or ["default"]))
    times: list[datetime | None] = [*moments(time)] or [None]
    wish = Wish(layer, pyramid, styles, times)
    try:
        tiles = warmed(layer, pyramid, styles=styles, times=times, priority=priority)
    except (TooManyTilesError, ValidationError) as error:
        raise _refusal(error) from error
    if not unchecked:
        anyio.run(_check, layer, styles, times)
    report = None
    if not dry_run:
        report = send(map(tile_job, tiles), wish.tiles, queue=QUEUE, url=redis_url)
    write_wish(wish, report, as_json=as_json)


def schedule(
    *,
    layer: Layer,
    style: StyleNames = None,
    max_zoom: MaxZoom,
    min_zoom: MinZoom = 0,
    bbox: Box = None,
    crs: TileCrs = "EPSG:3857",
    before: Annotated[str, typer.Option(help="So long before its valid time: `5m`, `1h`.")] = "5m",
    run: Annotated[
        str | None, typer.Option(help="All times of this run.  [default: the newest run]")
    ] = None,
    time: Annotated[
        list[str] | None, typer.Option(help="Only this valid time; more than once for several.")
    ] = None,
    priority: Urgency = SCHEDULED_PRIORITY,
    unchecked: Unchecked = False,
    dry_run: DryRun = False,
    redis_url: RedisUrl = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Ask for the tiles of coming forecast hours, each shortly before its valid time.

    Times that have passed are left out. The same command twice adds nothing twice.
    """
    if run is not None and time:
        raise typer.BadParameter("name either a --run or each --time")
    if unchecked and not time:
        raise typer.BadParameter("--unchecked needs each --time: a run is looked up in the catalog")
    pyramid = pyramid_of(min_zoom, max_zoom, bbox, crs)
    styles = list(dict.fromkeys(style or ["default"]))
    lead = timedelta(milliseconds=span_ms(before))
    named = moments(time) or anyio.run(_run_times, layer, None if run is None else moment(run))
    now = datetime.now(tz=UTC)
    times = upcoming(named, now)
    wish = Wish(layer, pyramid, styles, times, passed=len(set(named)) - len(times), lead=lead)
    try:
        jobs = schedule_layer(
            layer, pyramid, times, now=now, styles=styles, lead=lead, priority=priority
        )
    except (TooManyTilesError, ValidationError) as error:
        raise _refusal(error) from error
    if not unchecked:
        anyio.run(_check, layer, styles, times)
    report = None if dry_run else send(jobs, wish.tiles, queue=QUEUE, url=redis_url)
    write_wish(wish, report, as_json=as_json)


def announce_(*, redis_url: RedisUrl = DEFAULT_URL, as_json: AsJson = False) -> None:
    """Ask for the tiles of new data whose ingest could not do so itself."""
    report = anyio.run(announce_here, redis_url)
    if as_json:
        write_json(announced_json(report))
    else:
        new_console().print(announced_text(report))


async def announce_here(redis_url: str) -> AnnounceReport:
    """Announce everything that is open in this environment's catalog."""
    async with installed_data() as data, Producer.connect(redis_url, queue=QUEUE) as jobs:
        with shown_progress("Announcing", await data.catalog.announcements.count_open()) as told:
            delay = data.settings.lookup_ttl + LOOKUP_MAX
            return await announce(data.catalog, data.styles, jobs, delay=delay, listener=told)


async def _run_times(layer: str, run: datetime | None) -> list[datetime]:
    async with installed_data() as data:
        return await data.catalog.run_times(layer, run)


async def _check(layer: str, styles: Sequence[str], times: Sequence[datetime | None]) -> None:
    """Refuse a layer, time or style that no worker could draw, before 341 jobs fail."""
    async with installed_data() as data:
        for time in times:
            found = await data.catalog.find(layer, time, now=datetime.now(tz=UTC))
            for style in styles:
                require_drawable(data.styles, style, found.value_range)


def _refusal(error: TooManyTilesError | ValidationError) -> Exception:
    if isinstance(error, ValidationError):
        return CommandError(in_one_line(error))
    return typer.BadParameter(str(error))
