"""A sleeping worker hears of jobs that are due soon, and goes on after an outage."""

from collections.abc import AsyncIterator

import anyio
import pytest
from redis.asyncio import Redis

from consumers.dues import ASK_S, Dues
from consumers.logs import open_logger
from consumers.metrics import Metrics
from consumers.roles.listener import listen
from streams.embedded import EmbeddedServer
from streams.server import Server
from tests.support.queues import QueueUnderTest, job
from tests.support.waiting import wait_until

pytestmark = pytest.mark.leaves_jobs


@pytest.fixture
async def queue(own_server: EmbeddedServer) -> AsyncIterator[QueueUnderTest]:
    """A queue on a server that may be restarted."""
    async with Redis.from_url(own_server.url) as client:
        yield QueueUnderTest(client)


async def test_a_job_that_is_due_soon_is_heard_of_before_and_after_the_server_was_away(
    queue: QueueUnderTest, own_server: EmbeddedServer
) -> None:
    """The clock stands still: what a worker would find by itself it does not find here."""
    metrics, log, stopping = Metrics("test", frozenset(), 1), open_logger("error"), anyio.Event()
    dues = Dues(lambda: 0.0)
    dues.heard(None)
    woken: list[float] = []

    async def wake() -> None:
        woken.append(dues.until_s())

    first = dues.until_s()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(
            listen, Server(queue.client), queue.keys, dues, wake, stopping, metrics, log
        )
        await queue.add(job(delay_ms=800))
        await wait_until(lambda: dues.until_s() == 0.8, "it has heard of the first")
        await anyio.to_thread.run_sync(own_server.restart)
        await queue.client.flushall()
        await queue.add(job(delay_ms=300))
        await wait_until(lambda: dues.until_s() == 0.3, "it has heard of the second")
        stopping.set()

    assert first == ASK_S
    assert woken == [0.8, 0.3]
