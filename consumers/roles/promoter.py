"""Moves jobs whose time has come into their streams."""

import anyio
from redis.exceptions import RedisError

from consumers.logs import Logger
from consumers.metrics import Metrics
from consumers.outage import Outage
from streams.delayed import promote_due
from streams.keys import Keys
from streams.server import Server
from streams.settle import Retention

#: The longest sleep: a job that is enqueued meanwhile with a short delay waits so much longer.
LOOK_MS = 500
#: The shortest sleep between two looks while something is about to be due.
PAUSE_MS = 5
#: The longest wait between two tries at a server that does not answer.
BACKOFF_LAST_S = 5.0


async def promote(
    server: Server,
    keys: Keys,
    retention: Retention,
    stopping: anyio.Event,
    metrics: Metrics,
    log: Logger,
) -> None:
    """Promote until *stopping*; any number of workers may do so at once."""
    outage = Outage("promoter", metrics, log, first_s=LOOK_MS / 1000, last_s=BACKOFF_LAST_S)
    while not stopping.is_set():
        try:
            _moved, wait_ms = await promote_due(server, keys, retention)
        except (RedisError, OSError) as error:
            pause_s = outage.failed("promote_failed", error)
        else:
            outage.over()
            pause_ms = LOOK_MS if wait_ms is None else max(PAUSE_MS, min(wait_ms, LOOK_MS))
            pause_s = pause_ms / 1000
        with anyio.move_on_after(pause_s):
            await stopping.wait()
