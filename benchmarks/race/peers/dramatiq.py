"""Dramatiq on Redis: `dramatiq worker` or `dramatiq produce`.

One worker process (its master comes on top) with as many threads as jobs at a time. Its
documented `dramatiq_queue_prefetch` is raised from twice the threads to at least 256, which
makes it half as fast again with 32 threads, and many times as fast with one (not for long
jobs, which would wait behind each other). More connections than the 100 of redis-py, for
256 threads. Default middleware, and no results, as by default. It has no way to send many:
they are sent one after the other.
"""

import asyncio
import os
import sys

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from benchmarks.race.order import Order
from benchmarks.race.producing import Payload, in_turn, produce
from benchmarks.race.task import Task

ORDER = Order.received()
TASK = Task(ORDER)
PREFETCH_MIN = 256
broker = RedisBroker(url=f"{ORDER.url}?max_connections=1000")
dramatiq.set_broker(broker)


def handle(sent_us: int, filling: str) -> None:  # noqa: ARG001 - part of the payload
    """One job."""
    TASK.run_blocking(sent_us)


actor = dramatiq.actor(handle, actor_name="race")


async def _send(payload: Payload) -> None:
    actor.send(**payload)


if __name__ == "__main__":
    if sys.argv[1] == "worker":
        options = ["--processes", "1", "--threads", str(ORDER.slots)]
        command = [sys.executable, "-m", "dramatiq", "benchmarks.race.peers.dramatiq", *options]
        if ORDER.work != "cpu":
            prefetch = str(max(PREFETCH_MIN, 2 * ORDER.slots))
            os.environ["dramatiq_queue_prefetch"] = prefetch  # noqa: SIM112 - its name
        os.execv(sys.executable, command)  # noqa: S606 - its own command
    asyncio.run(produce(ORDER, _send, lambda payloads: in_turn(_send, payloads)))
