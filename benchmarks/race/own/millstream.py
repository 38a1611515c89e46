"""Millstream: `millstream worker` or `millstream produce`.

Log level "warning", as where a line for each job is too much; "info", the default, writes
two lines a job. The loop is that of its command.
"""

import sys
from typing import ClassVar

import anyio

from benchmarks.race.order import Order
from benchmarks.race.producing import Payload as Sent
from benchmarks.race.producing import produce
from benchmarks.race.task import Task
from consumers.handler import Context
from consumers.loop import run_in_waking_loop
from consumers.registry import Registry
from consumers.settings import worker_settings
from consumers.worker import Worker
from producers.client import Producer
from producers.order import new_job
from producers.payloads.base import Payload

QUEUE = "race"


class Job(Payload):
    """What all contestants are sent."""

    kind: ClassVar[str] = "race.job"

    sent_us: int
    filling: str


async def work(order: Order, registry: Registry) -> None:
    """Run a worker with these handlers."""
    arguments = {
        "redis_url": order.url,
        "concurrency": order.slots,
        "log_level": "warning",
        "require_aof": order.has_aof,
    }
    await Worker(registry, worker_settings({}, arguments, queue=QUEUE)).run()


async def send(order: Order) -> None:
    """Run a producer."""
    async with Producer.connect(order.url, queue=QUEUE) as jobs:

        async def send_one(sent: Sent) -> None:
            await jobs.enqueue(Job.model_validate(sent))

        async def send_many(all_sent: list[Sent]) -> None:
            await jobs.enqueue_many(new_job(Job.model_validate(sent)) for sent in all_sent)

        await produce(order, send_one, send_many)


def _registry(order: Order) -> Registry:
    registry = Registry()
    task = Task(order)

    @registry.handler(Job)
    async def handle(job: Job, _context: Context) -> None:
        await task.run(job.sent_us)

    return registry


if __name__ == "__main__":
    own_order = Order.received()
    if sys.argv[1] == "worker":
        run_in_waking_loop(lambda: work(own_order, _registry(own_order)))
    else:
        anyio.run(send, own_order)
