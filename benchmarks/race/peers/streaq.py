"""streaQ: `streaq worker` or `streaq produce`.

As in its own benchmark: uvloop, and a concurrency; it then prefetches as many again. Its
default serialiser (pickle). Results are kept for its default of five minutes.
"""

import logging
import sys

import uvloop
from streaq import Worker

from benchmarks.race.order import Order
from benchmarks.race.producing import Payload, produce
from benchmarks.race.task import Task

ORDER = Order.received()
TASK = Task(ORDER)
worker = Worker(redis_url=ORDER.url, concurrency=ORDER.slots, anyio_kwargs={"use_uvloop": True})


async def handle(sent_us: int, filling: str) -> None:  # noqa: ARG001 - part of the payload
    """One job."""
    await TASK.run(sent_us)


handler = worker.task(name="race")(handle)


async def _send(payload: Payload) -> None:
    await handler.enqueue(**payload)


async def _send_many(payloads: list[Payload]) -> None:
    await worker.enqueue_many([handler.enqueue(**payload) for payload in payloads])


async def _produce() -> None:
    async with worker:
        await produce(ORDER, _send, _send_many)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    if sys.argv[1] == "worker":
        worker.run_sync()
    else:
        uvloop.run(_produce())
