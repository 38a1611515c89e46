"""Hears of what is to be looked at before this worker would look by itself."""

from collections.abc import Awaitable, Callable

import anyio
from redis.exceptions import RedisError

from consumers.dues import Dues
from consumers.logs import Logger
from consumers.metrics import Metrics
from consumers.outage import Outage
from streams.delayed import FROM_THE_FIRST, hear_of_soon
from streams.keys import Keys
from streams.server import Server

#: How long one read lasts; shorter than the time after which an answer counts as lost.
BLOCK_MS = 4_000
#: Waits between two tries at a server that does not answer.
BACKOFF_FIRST_S, BACKOFF_LAST_S = 0.5, 5.0


async def listen(
    server: Server,
    keys: Keys,
    dues: Dues,
    wake: Callable[[], Awaitable[None]],
    stopping: anyio.Event,
    metrics: Metrics,
    log: Logger,
) -> None:
    """Tell *dues*, and *wake* who sleeps, until *stopping*.

    What is missed here is found two seconds later.
    """
    outage = Outage("listener", metrics, log, first_s=BACKOFF_FIRST_S, last_s=BACKOFF_LAST_S)
    async with anyio.create_task_group() as ending:

        async def listen_for_ever() -> None:
            heard = FROM_THE_FIRST
            while True:
                try:
                    heard, due_in_ms = await hear_of_soon(
                        server.client, keys, heard, block_ms=BLOCK_MS
                    )
                except (RedisError, OSError) as error:
                    await anyio.sleep(outage.failed("listen_failed", error))
                else:
                    outage.over()
                    if due_in_ms is not None:
                        dues.expect(due_in_ms)
                        await wake()

        ending.start_soon(listen_for_ever)
        await stopping.wait()
        ending.cancel_scope.cancel()
