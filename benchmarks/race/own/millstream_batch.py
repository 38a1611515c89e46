"""Millstream with a handler that is given many jobs at once.

Each job still has a lease, a fence, a record and an outcome of its own.
"""

import sys
from collections.abc import Sequence
from datetime import timedelta

import anyio

from benchmarks.race.order import Order
from benchmarks.race.own.millstream import Job, send, work
from benchmarks.race.task import Task
from consumers.batch import BatchJob, Result
from consumers.loop import run_in_waking_loop
from consumers.registry import Registry

SIZE, WAIT = 100, timedelta(milliseconds=2)


def _registry(order: Order) -> Registry:
    registry = Registry()
    task = Task(order)

    async def handle(jobs: Sequence[BatchJob[Job]]) -> Sequence[Result]:
        await task.run_batch([job.payload.sent_us for job in jobs])
        return [None] * len(jobs)

    registry.add_batch(Job, handle, size=SIZE, wait=WAIT)
    return registry


if __name__ == "__main__":
    own_order = Order.received()
    if sys.argv[1] == "worker":
        run_in_waking_loop(lambda: work(own_order, _registry(own_order)))
    else:
        anyio.run(send, own_order)
