"""arq: `arq worker` or `arq produce`.

`max_jobs` is its concurrency. It looks for jobs every half second by default, and takes no
more than it has room for; here every millisecond, which makes it a good deal faster, and
uvloop. No results are kept. It has no way to send many: they are sent side by side.
"""

import asyncio
import logging
import sys

import uvloop
from arq import create_pool
from arq.connections import RedisSettings
from arq.worker import Worker, func

from benchmarks.race.order import Order
from benchmarks.race.producing import Payload, each, produce
from benchmarks.race.task import Task

ORDER = Order.received()
TASK = Task(ORDER)
SETTINGS = RedisSettings.from_dsn(ORDER.url)


async def handle(_context: object, sent_us: int, filling: str) -> None:  # noqa: ARG001
    """One job; the filling is part of its payload."""
    await TASK.run(sent_us)


async def _produce() -> None:
    pool = await create_pool(SETTINGS)

    async def send(payload: Payload) -> None:
        await pool.enqueue_job("race", **payload)

    await produce(ORDER, send, lambda payloads: each(send, payloads))
    await pool.aclose()


def _work() -> None:
    asyncio.set_event_loop(uvloop.new_event_loop())
    Worker(
        [func(handle, name="race", keep_result=0)],
        redis_settings=SETTINGS,
        max_jobs=ORDER.slots,
        poll_delay=0.001,
        log_results=False,
    ).run()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    if sys.argv[1] == "worker":
        _work()
    else:
        uvloop.run(_produce())
