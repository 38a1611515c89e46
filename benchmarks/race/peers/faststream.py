"""FastStream on Redis Streams: `faststream worker` or `faststream produce`.

`max_workers` is its concurrency; 100 entries a read (10 of long jobs), or one process would
take all that there is. uvloop. It acknowledges each entry when its handler is through,
keeps no record of a job, and trims nothing. Many are published through a pipeline.
"""

import logging
import os
import sys
from contextlib import suppress
from typing import Any

import uvloop
from faststream import FastStream
from faststream.redis import RedisBroker, StreamSub
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from benchmarks.race.order import Order
from benchmarks.race.producing import Payload, produce
from benchmarks.race.task import Task

ORDER = Order.received()
TASK = Task(ORDER)
STREAM = GROUP = "race"


def subscription(*, batch: bool) -> Any:
    """Up to 100 entries a read, or 10, as one process of the group."""
    return StreamSub(
        STREAM, group=GROUP, consumer=f"race-{os.getpid()}", max_records=ORDER.batch, batch=batch
    )


async def handle(sent_us: int, filling: str) -> None:  # noqa: ARG001 - part of the payload
    """One job."""
    await TASK.run(sent_us)


async def work() -> None:
    """Run a worker."""
    broker = RedisBroker(ORDER.url, logger=None)
    broker.subscriber(stream=subscription(batch=False), max_workers=ORDER.slots)(handle)
    await FastStream(broker, logger=None).run()


async def publish() -> None:
    """Run a producer."""
    async with Redis.from_url(ORDER.url) as client, RedisBroker(ORDER.url, logger=None) as broker:
        # A subscriber makes its group for what comes later.
        with suppress(ResponseError):
            await client.xgroup_create(STREAM, GROUP, id="0", mkstream=True)

        async def send(payload: Payload) -> None:
            await broker.publish(payload, stream=STREAM)

        async def send_many(payloads: list[Payload]) -> None:
            async with client.pipeline(transaction=False) as pipe:
                for payload in payloads:
                    await broker.publish(payload, stream=STREAM, pipeline=pipe)
                await pipe.execute()

        await produce(ORDER, send, send_many)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    uvloop.run(work() if sys.argv[1] == "worker" else publish())
