"""Ending a job that nobody wants any more."""

from enum import Enum

from streams.keys import Keys
from streams.scripts.loader import load
from streams.server import Server

_CANCEL = load("cancel")


class Cancellation(Enum):
    """What a request to cancel led to; the values are the script's codes."""

    UNKNOWN = 0
    """There is no record of the job."""
    CANCELLED = 1
    """It was waiting, and has ended now."""
    ASKED = 2
    """It runs; its worker learns of it with the next renewal."""
    ENDED = 3
    """It had ended before."""


async def cancel(server: Server, keys: Keys, job_id: str, *, ended_ttl_ms: int) -> Cancellation:
    """End the job *job_id*, or ask the worker that runs it to do so.

    Two round trips: the record says which unique slot the job holds, and a script may
    only touch keys that it declares.
    """
    unique = await server.client.hget(keys.job(job_id), "unique")
    slot = unique.decode() if isinstance(unique, bytes) else ""
    code = await server.run(
        _CANCEL,
        keys={
            **keys.streams,
            "delayed": keys.delayed,
            "cancel": keys.cancel,
            "events": keys.events,
            "watchers": keys.watchers,
            "counters": keys.counters,
            "job": keys.job(job_id),
            "body": keys.body(job_id),
            "history": keys.history(job_id),
            "unique_key": keys.unique(slot),
        },
        args={"id": job_id, "unique": slot, "ended_ttl_ms": ended_ttl_ms},
    )
    return Cancellation(code)
