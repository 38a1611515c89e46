"""The limit of batches: a hundred jobs are settled and the next taken by one script."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from redis import Redis

from benchmarks.race.order import Order
from benchmarks.race.own.plain import GROUP, STREAM, make_group, publish, read
from benchmarks.race.task import Task


def work(order: Order) -> None:
    """Run a worker. Only an empty queue takes a call more: a script cannot wait."""
    client = Redis.from_url(order.url, protocol=2)
    make_group(client)
    take: Any = client.register_script(Path(__file__).with_name("take.lua").read_text())
    task = Task(order)
    consumer = f"script-{os.getpid()}"
    done: list[bytes] = []
    while True:
        taken = take(keys=[STREAM], args=[GROUP, consumer, order.batch, *done])
        if taken:
            jobs = [(entry, fields[1]) for entry, fields in taken]
        else:
            jobs = [
                (entry, fields[b"payload"]) for entry, fields in read(client, consumer, order.batch)
            ]
        for _, payload in jobs:
            task.run_blocking(json.loads(payload)["sent_us"])
        done = [entry for entry, _ in jobs]


if __name__ == "__main__":
    if sys.argv[1] == "worker":
        work(Order.received())
    else:
        asyncio.run(publish(Order.received()))
