"""RQ: `rq worker` or `rq produce`.

`SimpleWorker`, which runs jobs in its own process: its docs call it the faster one. The
default worker forks for each job. One job at a time either way. JSON instead of pickle; no
results are kept (`result_ttl=0`). `enqueue_many` sends many in one pipeline.
"""

import asyncio
import logging
import sys

from redis import Redis
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer

from benchmarks.race.order import Order
from benchmarks.race.producing import Payload, produce
from benchmarks.race.task import Task

ORDER = Order.received()
TASK = Task(ORDER)
HANDLER = "benchmarks.race.peers.rq.handle"


def handle(sent_us: int, filling: str) -> None:  # noqa: ARG001 - part of the payload
    """One job."""
    TASK.run_blocking(sent_us)


async def _produce(queue: Queue) -> None:
    async def send(payload: Payload) -> None:
        queue.enqueue(HANDLER, kwargs=payload, result_ttl=0)

    async def send_many(payloads: list[Payload]) -> None:
        queue.enqueue_many(
            [queue.prepare_data(HANDLER, kwargs=each, result_ttl=0) for each in payloads]
        )

    await produce(ORDER, send, send_many)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    client = Redis.from_url(ORDER.url)
    queue = Queue("race", connection=client, serializer=JSONSerializer)
    if sys.argv[1] == "worker":
        worker = SimpleWorker([queue], connection=client, serializer=JSONSerializer)
        worker.work(logging_level="WARNING")
    else:
        asyncio.run(_produce(queue))
