"""Compares what the server says with what this worker knows, so that nothing is forgotten."""

import anyio
from redis.exceptions import RedisError

from consumers.ground import Ground
from consumers.logs import Logger
from consumers.metrics import Metrics
from consumers.orphans import Orphans
from consumers.outage import Outage

#: Comparisons in a lease without any doubt: what is found comes before its lease lapses,
#: and is not charged as a loss.
LOOKS_A_LEASE = 2
#: While there is doubt it looks so often: a command that was on its way when its connection
#: broke may still arrive at the server.
DOUBT_LOOK_S = 0.5
BACKOFF_LAST_S = 2.0


async def compare(
    orphans: Orphans,
    ground: Ground,
    lease_ms: int,
    stopping: anyio.Event,
    metrics: Metrics,
    log: Logger,
) -> None:
    """Hand back orphans and miss lost streams, until *stopping*."""
    outage = Outage("comparer", metrics, log, first_s=DOUBT_LOOK_S / 2, last_s=BACKOFF_LAST_S)
    rest_s = lease_ms / 1000 / LOOKS_A_LEASE
    doubt_until_s, looks = 0.0, 0
    wait_s = rest_s
    while not stopping.is_set():
        with anyio.move_on_after(wait_s):
            # Where the server does not answer, every role doubts, and this one waits.
            if outage.is_on or not await _doubted_before(orphans, stopping):
                await stopping.wait()
            doubt_until_s = anyio.current_time() + rest_s
        if stopping.is_set():
            return
        try:
            await orphans.hand_back()
            # A stream that is gone is noticed by each fetch; another server that has them all
            # only here.
            if outage.is_on or looks % LOOKS_A_LEASE == 0:
                await ground.check()
            looks += 1
        except (RedisError, OSError) as error:
            wait_s = outage.failed("compare_failed", error)
            doubt_until_s = anyio.current_time() + rest_s
        else:
            outage.over()
            wait_s = DOUBT_LOOK_S if anyio.current_time() < doubt_until_s else rest_s


async def _doubted_before(orphans: Orphans, stopping: anyio.Event) -> bool:
    """Wait for a failed read; False where the worker stops first."""
    async with anyio.create_task_group() as waiting:

        async def until_stopping() -> None:
            await stopping.wait()
            waiting.cancel_scope.cancel()

        waiting.start_soon(until_stopping)
        await orphans.doubted()
        waiting.cancel_scope.cancel()
        return True
    return False
