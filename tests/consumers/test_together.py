"""Several queues in one process: none takes another's slots, and they end together."""

import os
import signal
from datetime import timedelta
from typing import ClassVar

import anyio
import pytest

from consumers.handler import Context
from consumers.loop import WakingLoop
from consumers.registry import Registry
from consumers.settings import worker_settings
from consumers.together import run_together
from consumers.worker import Worker
from producers.client import Producer
from producers.order import new_job
from producers.payloads.base import Payload
from streams.errors import ServerUnavailableError

SOON = timedelta(seconds=20)


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    """The loop of a worker's process."""
    return "asyncio", {"loop_factory": WakingLoop}


class Long(Payload):
    """Goes on until it is cancelled."""

    kind: ClassVar[str] = "test.long"


class Short(Payload):
    """Comes back at once."""

    kind: ClassVar[str] = "test.short"


def worker(url: str, queue: str, registry: Registry, slots: int = 2) -> Worker:
    """One of several in this process."""
    arguments = {
        "redis_url": url,
        "concurrency": slots,
        "log_level": "critical",
        "grace_ms": "1000",
        "name": queue,
    }
    settings = worker_settings({}, arguments, queue=queue)
    return Worker(registry, settings, heeds_signals=False)


class Handlers:
    """What the two kinds do."""

    def __init__(self) -> None:
        self.longs = 0

    async def long(self, _payload: Long, _context: Context) -> None:
        self.longs += 1
        await anyio.sleep_forever()

    async def short(self, _payload: Short, _context: Context) -> str:
        return "done"

    def of(self, kind: type[Payload]) -> Registry:
        """The handler of one of them."""
        registry = Registry()
        if kind is Long:
            registry.add(Long, self.long)
        else:
            registry.add(Short, self.short)
        return registry


@pytest.mark.leaves_jobs
async def test_long_jobs_of_one_queue_keep_none_of_another_from_its_slots(redis_url: str) -> None:
    """And SIGTERM to the process ends all of its workers, as it does one."""
    handlers = Handlers()
    workers = [
        worker(redis_url, "long", handlers.of(Long)),
        worker(redis_url, "short", handlers.of(Short)),
    ]
    async with (
        Producer.connect(redis_url, queue="long") as long,
        Producer.connect(redis_url, queue="short") as short,
    ):
        await long.enqueue_many(new_job(Long()) for _ in range(50))
        await short.enqueue_many(new_job(Short(), id=str(n)) for n in range(50))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run_together, workers)
            for number in range(50):
                assert await short.result(str(number), timeout=SOON) == "done"
            assert handlers.longs == 2
            os.kill(os.getpid(), signal.SIGTERM)


async def test_one_that_cannot_start_stops_the_others_and_says_why(redis_url: str) -> None:
    handlers = Handlers()
    workers = [
        worker("redis://127.0.0.1:1", "long", handlers.of(Long)),
        worker(redis_url, "short", handlers.of(Short)),
    ]

    with pytest.raises(ExceptionGroup) as caught:
        await run_together(workers)

    [error] = caught.value.exceptions
    assert isinstance(error, ServerUnavailableError)
