"""From a tile to the job that renders it."""

from producers.order import new_job
from producers.payloads.tiles import RenderTile
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
