"""Huey on Redis: `huey worker` or `huey produce`.

Threads, as many as jobs at a time, on its blocking storage, with more connections than the
100 of redis-py: without, 256 threads lose jobs; no results are stored, as its docs advise
where none are read, and no periodic tasks. It does not acknowledge: a job is gone from
Redis when it is taken. It has no way to send many: they are sent one after the other.
"""

import asyncio
import logging
import sys

from huey import RedisHuey

from benchmarks.race.order import Order
from benchmarks.race.producing import Payload, in_turn, produce
from benchmarks.race.task import Task

ORDER = Order.received()
TASK = Task(ORDER)
huey = RedisHuey("race", url=f"{ORDER.url}?max_connections=1000", results=False)


def handle(sent_us: int, filling: str) -> None:  # noqa: ARG001 - part of the payload
    """One job."""
    TASK.run_blocking(sent_us)


task = huey.task(name="race")(handle)


async def _send(payload: Payload) -> None:
    task(**payload)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    if sys.argv[1] == "worker":
        huey.create_consumer(workers=ORDER.slots, worker_type="thread", periodic=False).run()
    else:
        asyncio.run(produce(ORDER, _send, lambda payloads: in_turn(_send, payloads)))
