"""Making jobs that wait more urgent, because somebody else wants them sooner."""

import asyncio
from collections.abc import Sequence

from streams.keys import Keys
from streams.priority import Priority
from streams.scripts.loader import load
from streams.server import Server

#: Jobs in one call: each may have a payload of a MiB, which is read and written again.
HURRY_MAX = 4

_HURRY = load("hurry")
_MOVED = 1


async def hurry(server: Server, keys: Keys, wanted: Sequence[tuple[str, Priority]]) -> list[bool]:
    """Move jobs that wait at a lower level up to the one beside their id.

    True for each that was moved: not what is as urgent already, was begun or has ended.
    `HURRY_MAX` of them go in one round trip; on a lane all these calls travel together.
    """
    calls = [
        _call(server, keys, wanted[at : at + HURRY_MAX]) for at in range(0, len(wanted), HURRY_MAX)
    ]
    if server.keeps_order:
        answers = await asyncio.gather(*calls)
    else:
        answers = [await call for call in calls]
    return [moved for answer in answers for moved in answer]


async def _call(server: Server, keys: Keys, wanted: Sequence[tuple[str, Priority]]) -> list[bool]:
    codes = await server.run(
        _HURRY,
        keys={
            **keys.streams,
            "events": keys.events,
            "watchers": keys.watchers,
            "counters": keys.counters,
        },
        args={},
        rows=[((keys.job(job_id),), (job_id, priority.level)) for job_id, priority in wanted],
    )
    return [code == _MOVED for code in codes]
