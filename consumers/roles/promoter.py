"""Moves jobs whose time has come into their streams."""

import anyio
from redis.exceptions import RedisError

from consumers.dues import Dues
from consumers.logs import Logger
from consumers.metrics import Metrics
from consumers.outage import Outage
from streams.delayed import promote_due
from streams.keys import Keys
from streams.server import Server
from streams.settle import Retention

#: Waits between two tries at a server that does not answer.
BACKOFF_FIRST_S, BACKOFF_LAST_S = 0.5, 5.0


async def promote(
    server: Server,
    keys: Keys,
    retention: Retention,
    dues: Dues,
    stopping: anyio.Event,
    metrics: Metrics,
    log: Logger,
) -> None:
    """Promote until *stopping*; any number of workers may do so at once."""
    outage = Outage("promoter", metrics, log, first_s=BACKOFF_FIRST_S, last_s=BACKOFF_LAST_S)
    async with anyio.create_task_group() as ending:

        async def promote_for_ever() -> None:
            while True:
                asked_s = dues.now_s()
                try:
                    _moved, wait_ms = await promote_due(server, keys, retention)
                except (RedisError, OSError) as error:
                    await anyio.sleep(outage.failed("promote_failed", error))
                else:
                    outage.over()
                    dues.heard(wait_ms, asked_s=asked_s)
                    await dues.wait()

        ending.start_soon(promote_for_ever)
        await stopping.wait()
        ending.cancel_scope.cancel()
