"""SAQ: `saq worker` or `saq produce`.

Concurrency as its docs have it, and uvloop. It has no way to send many without waiting for
their results (`map`): many are sent side by side, as in its own benchmark. Results are kept
for its default of ten minutes.
"""

import logging
import sys

import uvloop
from saq import Queue, Worker

from benchmarks.race.order import Order
from benchmarks.race.producing import Payload, each, produce
from benchmarks.race.task import Task

ORDER = Order.received()
TASK = Task(ORDER)


async def handle(_context: object, *, sent_us: int, filling: str) -> None:  # noqa: ARG001
    """One job; the filling is part of its payload."""
    await TASK.run(sent_us)


async def _work() -> None:
    queue = Queue.from_url(ORDER.url)
    await Worker(queue, [("race", handle)], concurrency=ORDER.slots).start()


async def _produce() -> None:
    queue = Queue.from_url(ORDER.url)
    await queue.connect()

    async def send(payload: Payload) -> None:
        await queue.enqueue("race", **payload)

    await produce(ORDER, send, lambda payloads: each(send, payloads))
    await queue.disconnect()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    uvloop.run(_work() if sys.argv[1] == "worker" else _produce())
