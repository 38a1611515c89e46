"""Removes consumers that have left without a word."""

import random

import anyio
from redis.exceptions import RedisError

from consumers.logs import Logger
from consumers.metrics import Metrics
from streams.inspection import inspect_queue
from streams.keys import Keys
from streams.server import Server
from streams.workers import retire

#: Between two rounds.
ROUND_S = 60.0
#: A consumer that was silent for so many leases has left; its jobs are claimed after one.
SILENT_LEASES = 6


async def tidy(
    server: Server,
    keys: Keys,
    lease_ms: int,
    stopping: anyio.Event,
    metrics: Metrics,
    log: Logger,
) -> None:
    """Retire silent consumers with nothing pending, until *stopping*."""
    while not stopping.is_set():
        with anyio.move_on_after(ROUND_S * random.uniform(0.75, 1.25)):
            await stopping.wait()
        if stopping.is_set():
            return
        try:
            gone = await _silent(server, keys, lease_ms * SILENT_LEASES)
            retired = await retire(server, keys, gone) if gone else []
        except (RedisError, OSError) as error:
            metrics.role_failed("janitor")
            log.warning("tidy_failed", error=str(error))
        else:
            for consumer in retired:
                log.info("consumer_retired", consumer=consumer)


async def _silent(server: Server, keys: Keys, silent_ms: int) -> list[str]:
    """Consumers without a beat and without a command for *silent_ms*."""
    report = await inspect_queue(server.client, keys)
    return [
        each.name
        for each in report.consumers
        if each.pending == 0
        and each.idle_ms > silent_ms
        and (each.worker is None or report.now_ms - each.worker.beat_ms > silent_ms)
    ]
