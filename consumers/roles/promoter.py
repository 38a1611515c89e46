"""Moves jobs whose time has come into their streams."""

import anyio
from redis.exceptions import RedisError

from consumers.logs import Logger
from consumers.metrics import Metrics
from streams.delayed import promote_due
from streams.keys import Keys
from streams.server import Server
from streams.settle import Retention

#: The longest sleep: a job that is enqueued meanwhile with a short delay waits so much longer.
LOOK_MS = 500
#: The shortest sleep between two looks while something is about to be due.
PAUSE_MS = 5


async def promote(
    server: Server,
    keys: Keys,
    retention: Retention,
    stopping: anyio.Event,
    metrics: Metrics,
    log: Logger,
) -> None:
    """Promote until *stopping*; any number of workers may do so at once."""
    while not stopping.is_set():
        wait_ms: int | None = None
        try:
            _moved, wait_ms = await promote_due(server, keys, retention)
        except (RedisError, OSError) as error:
            metrics.role_failed("promoter")
            log.warning("promote_failed", error=str(error))
        pause_ms = LOOK_MS if wait_ms is None else max(PAUSE_MS, min(wait_ms, LOOK_MS))
        with anyio.move_on_after(pause_ms / 1000):
            await stopping.wait()
