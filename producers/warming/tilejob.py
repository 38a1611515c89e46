"""From a tile to the job that renders it."""

from datetime import UTC, datetime, timedelta
from hashlib import blake2b

from producers.order import new_job
from producers.payloads.tiles import RenderTile
from producers.tilegrid import bbox_tile
from producers.tilekey import tile_key
from streams.job import NewJob


def tile_job(tile: RenderTile) -> NewJob:
    """The job for *tile*, unique by the name under which the picture will be cached.

    Two requests for one picture are one render, as long as the first has not ended.
    """
    unique = tile_key(tile, tile.time)
    if tile.id is not None:
        return new_job(tile, id=str(tile.id), priority=tile.priority, unique=unique)
    return new_job(tile, priority=tile.priority, unique=unique)


def scheduled_job(tile: RenderTile, due: datetime) -> NewJob:
    """The job that renders *tile* at *due*; the same tile and moment are the same job.

    It does not take the picture's unique slot: whoever asks for the picture before *due* gets
    it, and does not wait for this job.
    """
    utc = due.astimezone(UTC)
    name = _id(f"scheduled:{utc:%Y%m%dT%H%M%SZ}", tile, utc.isoformat())
    return new_job(tile, id=name, priority=tile.priority, run_at=due)


def announced_job(tile: RenderTile, source: str, delay: timedelta) -> NewJob:
    """The job that renders *tile* from new data; the same tile and *source* are the same job.

    *source* names the data. The job does not take the picture's unique slot, because the one
    that has it may be drawing the data before. It waits for *delay*, until every worker looks
    at the new data.
    """
    return new_job(tile, id=_id("announced", tile, source), priority=tile.priority, delay=delay)


def _id(why: str, tile: RenderTile, source: str) -> str:
    """A name for one wish; its level comes first, as jobs of one moment go by their ids."""
    level = bbox_tile(tile.bbox, tile.crs).z
    wish = f"{source} {tile_key(tile, tile.time)}".encode()
    return f"{why}:{level:02d}:{blake2b(wish, digest_size=16).hexdigest()}"
