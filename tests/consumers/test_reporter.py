"""Progress goes to the record while the job is this worker's, and ends its handler after that."""

from collections.abc import AsyncIterator

import anyio
import pytest
from redis.asyncio import Redis

from consumers.inflight import Running, Stop
from consumers.logs import open_logger
from consumers.metrics import Metrics
from consumers.roles.reporter import Reporter
from streams.keys import Keys
from streams.server import Server
from tests.support.queues import QueueUnderTest, job

pytestmark = pytest.mark.leaves_jobs


@pytest.fixture
async def queue(client: Redis) -> QueueUnderTest:
    """A queue with its groups."""
    queue = QueueUnderTest(client, "work")
    await queue.open()
    return queue


@pytest.fixture
async def reporter(client: Redis) -> AsyncIterator[Reporter]:
    """A reporter that runs."""
    metrics = Metrics("work", frozenset(), 1)
    reporter = Reporter(Server(client), Keys("work"), metrics, open_logger("critical"))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(reporter.run)
        yield reporter
        tasks.cancel_scope.cancel()


async def test_progress_is_in_the_record_when_the_handler_goes_on(
    queue: QueueUnderTest, reporter: Reporter
) -> None:
    await queue.add(job(id="a"))
    link = reporter.link(Running(await queue.fetch_one()))

    await link.progress(0.25, "a quarter")

    progress = (await queue.look("a")).progress
    assert progress is not None
    assert (progress.fraction, progress.message) == (0.25, "a quarter")


async def test_of_many_reports_in_a_row_the_newest_is_published(
    queue: QueueUnderTest, reporter: Reporter
) -> None:
    await queue.add(job(id="a"))
    running = Running(await queue.fetch_one())
    link = reporter.link(running)

    def handler() -> None:
        for percent in range(100):
            link.report(percent / 100, "")

    await anyio.to_thread.run_sync(handler)
    await link.progress(1, "done")

    progress = (await queue.look("a")).progress
    assert progress is not None
    assert (progress.fraction, progress.message) == (1, "done")


async def test_a_handler_whose_job_was_lost_is_cancelled_at_its_next_progress(
    queue: QueueUnderTest, reporter: Reporter
) -> None:
    await queue.add(job(id="a"))
    delivery = await queue.fetch_one()
    running = Running(delivery)
    await queue.lapse(delivery)
    await queue.claim(consumer="two")
    went_on = False

    with running.scope:
        await reporter.link(running).progress(0.5, "half")
        went_on = True

    assert running.stop is Stop.LOST
    assert not went_on


async def test_a_run_that_ends_publishes_nothing_more(
    queue: QueueUnderTest, reporter: Reporter
) -> None:
    await queue.add(job(id="a"))
    running = Running(await queue.fetch_one())
    running.settling = True

    await reporter.link(running).progress(0.5, "late")

    assert (await queue.look("a")).progress is None
