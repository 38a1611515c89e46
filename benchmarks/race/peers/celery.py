"""Celery on Redis: `celery worker` or `celery produce`.

Its solo pool for one job at a time, else threads (here faster than gevent and prefork). As
its docs advise for many short jobs: a prefetch of 64 for a slot, up to 512 in all (of long
ones 1), results ignored, no rate limits, no gossip, mingle and heartbeat. `task_acks_late`,
so that a job is acknowledged when it has run, as with the others. It has no way to send
many: they are sent one after the other over one connection.
"""

import asyncio
import os
import sys

from celery import Celery

from benchmarks.race.order import Order
from benchmarks.race.producing import Payload, in_turn, produce
from benchmarks.race.task import Task

ORDER = Order.received()
TASK = Task(ORDER)
app = Celery("race", broker=ORDER.url)
app.conf.update(
    task_acks_late=True,
    task_ignore_result=True,
    worker_disable_rate_limits=True,
    worker_prefetch_multiplier=1 if ORDER.work == "cpu" else max(1, min(64, 512 // ORDER.slots)),
    worker_send_task_events=False,
)


def handle(sent_us: int, filling: str) -> None:  # noqa: ARG001 - part of the payload
    """One job."""
    TASK.run_blocking(sent_us)


task = app.task(handle, name="race")


async def _send(payload: Payload) -> None:
    task.delay(**payload)


if __name__ == "__main__":
    if sys.argv[1] == "worker":
        pool = "solo" if ORDER.slots == 1 else "threads"
        options = ["--pool", pool, "--concurrency", str(ORDER.slots), "--loglevel", "WARNING"]
        quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        # Two workers on one machine need two names.
        app.worker_main(["worker", *options, *quiet, "--hostname", f"race{os.getpid()}@%h"])
    else:
        asyncio.run(produce(ORDER, _send, lambda payloads: in_turn(_send, payloads)))
