"""taskiq with the streams broker of taskiq-redis: `taskiq worker` or `taskiq produce`.

One worker process (its master comes on top), `--max-async-tasks` as the concurrency,
uvloop, which it uses where it is installed, and its default acknowledgement: when the job
has run. There is no result backend by default. 100 entries a read, its default (10 of long
jobs). It has no way to send many: they are sent side by side. Its streams are never
trimmed.
"""

import os
import sys

import uvloop
from taskiq_redis import RedisStreamBroker

from benchmarks.race.order import Order
from benchmarks.race.producing import Payload, each, produce
from benchmarks.race.task import Task

ORDER = Order.received()
TASK = Task(ORDER)
#: From the stream's beginning: by default a new group does not see what was sent before.
broker = RedisStreamBroker(ORDER.url, consumer_id="0", xread_count=ORDER.batch)


async def handle(sent_us: int, filling: str) -> None:  # noqa: ARG001 - part of the payload
    """One job."""
    await TASK.run(sent_us)


handler = broker.register_task(handle, task_name="race")


async def _send(payload: Payload) -> None:
    await handler.kiq(**payload)


async def _produce() -> None:
    await broker.startup()
    await produce(ORDER, _send, lambda payloads: each(_send, payloads))
    await broker.shutdown()


if __name__ == "__main__":
    if sys.argv[1] == "worker":
        options = ["--workers", "1", "--max-async-tasks", str(ORDER.slots)]
        command = [sys.executable, "-m", "taskiq", "worker", *options, "--log-level", "WARNING"]
        os.execv(sys.executable, [*command, "benchmarks.race.peers.taskiq:broker"])  # noqa: S606 - its own command
    uvloop.run(_produce())
