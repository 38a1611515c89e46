"""Handing in the many jobs that one command asks for."""

from collections.abc import Iterable, Iterator

import anyio

from producers.batch import BatchReport
from producers.cli.progress import Listener, shown_progress
from producers.client import Producer
from streams.job import NewJob


def send(jobs: Iterable[NewJob], count: int, *, queue: str, url: str) -> BatchReport:
    """Enqueue *jobs*, which are *count*, with a bar on a terminal.

    Raises:
        ServerUnavailableError: no Redis at *url*.
        SettingsError: *url* is no Redis URL.
    """
    return anyio.run(_send, jobs, count, queue, url)


async def _send(jobs: Iterable[NewJob], count: int, queue: str, url: str) -> BatchReport:
    async with Producer.connect(url, queue=queue) as producer:
        with shown_progress("Enqueueing", count) as told:
            return await producer.enqueue_many(_counted(jobs, told))


def _counted(jobs: Iterable[NewJob], told: Listener) -> Iterator[NewJob]:
    for done, job in enumerate(jobs, 1):
        yield job
        told(done)
