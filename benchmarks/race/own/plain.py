"""The limit: what redis-py can do with pipelines, without records, fences or results."""

import asyncio
import json
import os
import sys
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

from benchmarks.race.order import Order
from benchmarks.race.producing import Payload, produce
from benchmarks.race.task import Task

STREAM = GROUP = "race"
BLOCK_MS = 1000


def make_group(client: "Redis") -> None:
    """Make stream and group, if another has not."""
    try:
        client.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    except ResponseError:
        return


def read(client: "Redis", consumer: str, count: int) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """Up to *count* entries; waits for the first."""
    reply: Any = client.xreadgroup(GROUP, consumer, {STREAM: ">"}, count=count, block=BLOCK_MS)
    return reply[0][1] if reply else []


def work(order: Order) -> None:
    """Run a worker: read a hundred, run them, acknowledge and delete them in one pipeline."""
    client = Redis.from_url(order.url, protocol=2)
    make_group(client)
    task = Task(order)
    consumer = f"plain-{os.getpid()}"
    while True:
        entries = read(client, consumer, order.batch)
        with client.pipeline(transaction=False) as pipe:
            for entry, fields in entries:
                task.run_blocking(json.loads(fields[b"payload"])["sent_us"])
                pipe.xack(STREAM, GROUP, entry)
                pipe.xdel(STREAM, entry)
            pipe.execute()


def _fields(payload: Payload) -> dict[Any, Any]:
    return {"payload": json.dumps(payload, separators=(",", ":"))}


async def publish(order: Order) -> None:
    """Run a producer: XADD, many in one pipeline. Its client blocks: that is the faster one."""
    with Redis.from_url(order.url) as client:

        async def send(payload: Payload) -> None:
            client.xadd(STREAM, _fields(payload))

        async def send_many(payloads: list[Payload]) -> None:
            with client.pipeline(transaction=False) as pipe:
                for payload in payloads:
                    pipe.xadd(STREAM, _fields(payload))
                pipe.execute()

        await produce(order, send, send_many)


if __name__ == "__main__":
    if sys.argv[1] == "worker":
        work(Order.received())
    else:
        asyncio.run(publish(Order.received()))
