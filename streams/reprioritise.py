"""Making a job that waits more or less urgent."""

from enum import Enum

from streams.job import require_id
from streams.keys import Keys
from streams.priority import Priority
from streams.scripts.loader import load
from streams.server import Server

_REPRIORITISE = load("reprioritise")


class Reprioritised(Enum):
    """What a change of the priority led to; the values are the script's codes."""

    UNKNOWN = 0
    """There is no record of the job."""
    MOVED = 1
    """It waits at the end of its new level, or comes there when its time has come."""
    AS_IT_WAS = 2
    """It had that level before."""
    BEGUN = 3
    """A worker has it, or gave it back: then it is taken before everything new anyway."""
    ENDED = 4
    """It has ended."""
    ENTRY_GONE = 5
    """Its record says that it waits, and its entry was deleted by somebody else."""


async def reprioritise(
    server: Server, keys: Keys, job_id: str, priority: Priority
) -> Reprioritised:
    """Give the job *job_id* another level while it waits or is delayed.

    A job that was begun keeps its level, for its retries too.

    Raises:
        InvalidJobError: no job can have this id.
    """
    require_id(job_id)
    code = await server.run(
        _REPRIORITISE,
        keys={
            **keys.streams,
            "events": keys.events,
            "watchers": keys.watchers,
            "counters": keys.counters,
            "job": keys.job(job_id),
        },
        args={"id": job_id, "level": priority.level},
    )
    return Reprioritised(code)
