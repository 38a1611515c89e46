"""Removing a job with all that is known of it."""

from enum import Enum

from streams.job import require_id
from streams.keys import Keys
from streams.scripts.loader import load
from streams.server import Server

_REMOVE = load("remove")


class Removal(Enum):
    """What a removal led to; the values are the script's codes."""

    UNKNOWN = 0
    """There is no record of the job."""
    REMOVED = 1
    """Nothing is known of it any more: its id may be used again."""
    RUNNING = 2
    """A worker has it: nothing was changed; cancel it first."""


async def remove(server: Server, keys: Keys, job_id: str) -> Removal:
    """Remove the job *job_id*, waiting, delayed or ended: record, history and dead letter.

    Two round trips: the record says which unique slot the job holds.

    Raises:
        InvalidJobError: no job can have this id.
    """
    require_id(job_id)
    unique = await server.client.hget(keys.job(job_id), "unique")
    slot = unique.decode(errors="replace") if isinstance(unique, bytes) else ""
    code = await server.run(
        _REMOVE,
        keys={
            **keys.streams,
            "delayed": keys.delayed,
            "dead": keys.dead,
            "cancel": keys.cancel,
            "events": keys.events,
            "watchers": keys.watchers,
            "counters": keys.counters,
            "job": keys.job(job_id),
            "body": keys.body(job_id),
            "history": keys.history(job_id),
            "unique_key": keys.unique(slot),
        },
        args={"id": job_id, "unique": slot},
    )
    return Removal(code)
