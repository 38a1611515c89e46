"""FastStream's batch subscriber: its handler is given up to 100 entries at once."""

import logging
import sys

import uvloop
from faststream import FastStream
from faststream.redis import RedisBroker

from benchmarks.race.peers.faststream import ORDER, TASK, publish, subscription
from benchmarks.race.producing import Payload


async def handle_many(payloads: list[Payload]) -> None:
    """A batch of jobs."""
    await TASK.run_batch([int(payload["sent_us"]) for payload in payloads])


async def work() -> None:
    """Run a worker."""
    broker = RedisBroker(ORDER.url, logger=None)
    broker.subscriber(stream=subscription(batch=True))(handle_many)
    await FastStream(broker, logger=None).run()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    uvloop.run(work() if sys.argv[1] == "worker" else publish())
