"""Asking for work from asynchronous code."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Self, Unpack

from pydantic import JsonValue

from producers.handle import JobHandle
from producers.manager import QueueManager
from producers.order import Options, new_job
from producers.payloads.base import Payload
from streams import enqueue as entry_point
from streams.cancel import Cancellation
from streams.connection import connected
from streams.enqueue import BATCH_BYTES_MAX, BATCH_MAX, Acceptance, Enqueued
from streams.errors import QueueDrainingError, QueueFullError
from streams.job import NewJob
from streams.jobs import JobView
from streams.keys import Keys
from streams.server import Server

#: Calls of `enqueue_many` that the server has at a time: it is never idle for want of one.
CALLS_UNDER_WAY = 3

_REFUSED = frozenset({Acceptance.FULL, Acceptance.CLOSED})


@dataclass(frozen=True, slots=True)
class BatchReport:
    """What became of many jobs: how many are new, were there before, or were refused.

    They are refused by a queue that holds as many jobs as it may, or drains.
    """

    accepted: int
    existing: int
    refused: int

    @property
    def total(self) -> int:
        """Jobs that were handed in."""
        return self.accepted + self.existing + self.refused

    def with_answers(self, answers: Sequence[Enqueued]) -> "BatchReport":
        """The report with those of one more call."""
        new = sum(answer.is_new for answer in answers)
        refused = sum(answer.acceptance in _REFUSED for answer in answers)
        existing = len(answers) - new - refused
        return BatchReport(self.accepted + new, self.existing + existing, self.refused + refused)


class Producer:
    """Sends jobs to one queue and asks what became of them.

    Every call is one round trip, except where its docstring says otherwise. A call that
    was repeated because its answer was lost adds nothing twice, if the job has an id of
    its sender's.
    """

    def __init__(self, server: Server, queue: str, *, length_max: int = 0) -> None:
        self._server = server
        self._keys = Keys(queue)
        self._length_max = length_max

    @classmethod
    @asynccontextmanager
    async def connect(cls, url: str, *, queue: str, length_max: int = 0) -> AsyncGenerator[Self]:
        """A producer for *queue* on the Redis at *url*; *length_max* 0 means no limit.

        Raises:
            ServerUnavailableError: no Redis there.
            SettingsError: *url* is no Redis URL.
            InvalidJobError: *queue* is no name of a queue.
        """
        async with connected(url) as client, Server.on_a_lane(client) as server:
            yield cls(server, queue, length_max=length_max)

    @property
    def queue(self) -> str:
        """The queue that this producer sends to."""
        return self._keys.queue

    async def enqueue(self, payload: Payload, **options: Unpack[Options]) -> Enqueued:
        """Hand in one job.

        The answer names the job: the new one, or the one that was there before under the
        same id or unique key.

        Raises:
            QueueFullError: the queue holds as many jobs as it may.
            QueueDrainingError: somebody drains the queue; it takes no new jobs.
            InvalidJobError: an option or the payload's size is out of its range.
        """
        job = new_job(payload, **options)
        [answer] = await entry_point.enqueue(
            self._server, self._keys, [job], length_max=self._length_max
        )
        if answer.stop is not None:
            stop = answer.stop
            raise QueueDrainingError(self.queue, stop.by, stop.since_ms, str(stop))
        if answer.acceptance is Acceptance.FULL:
            raise QueueFullError(self.queue, answer.length, self._length_max)
        return answer

    async def enqueue_many(self, jobs: Iterable[NewJob]) -> BatchReport:
        """Hand in any number of jobs, a hundred (or 4 MiB) a call, in their order.

        While the server has three calls the next one is made ready.

        A job that finds the queue full or draining is refused and counted; the others go in.
        """
        report = BatchReport(0, 0, 0)
        under_way: deque[asyncio.Task[list[Enqueued]]] = deque()
        calls_max = CALLS_UNDER_WAY if self._server.keeps_order else 1
        try:
            for chunk in _chunks(jobs):
                call = entry_point.enqueue(
                    self._server, self._keys, chunk, length_max=self._length_max
                )
                under_way.append(asyncio.ensure_future(call))
                if len(under_way) == calls_max:
                    report = report.with_answers(await under_way.popleft())
            while under_way:
                report = report.with_answers(await under_way.popleft())
        finally:
            for each in under_way:
                each.cancel()
        return report

    def job(self, job_id: str) -> JobHandle:
        """A handle for the job *job_id*; nothing is asked yet."""
        return JobHandle(self._server, self._keys, job_id)

    def manager(self) -> QueueManager:
        """Whoever manages this queue: pauses, lists, clears it, and more; nothing is asked yet."""
        return QueueManager(self._server, self.queue)

    async def get(self, job_id: str) -> JobView:
        """Everything that is known of a job.

        Raises:
            UnknownJobError: it has no record.
        """
        return await self.job(job_id).view()

    async def result(
        self,
        job_id: str,
        *,
        timeout: timedelta,  # noqa: ASYNC109 - a wait without a bound is no interface
    ) -> JsonValue:
        """Wait until a job has ended, and return what its handler returned.

        Raises:
            JobFailedError: it died or was cancelled.
            TimeoutError: it has not ended in time; it goes on.
            UnknownJobError: it has no record.
        """
        return await self.job(job_id).result(timeout=timeout)

    async def cancel(self, job_id: str) -> Cancellation:
        """End a job that waits; ask the worker that runs it otherwise (two round trips)."""
        return await self.job(job_id).cancel()


def _chunks(jobs: Iterable[NewJob]) -> Iterable[list[NewJob]]:
    """Groups of jobs that fit into one call, by number and by bytes."""
    waiting = iter(jobs)
    held: list[NewJob] = []
    held_bytes = 0
    while batch := list(islice(waiting, BATCH_MAX)):
        for job in batch:
            if held and (len(held) == BATCH_MAX or held_bytes + len(job.payload) > BATCH_BYTES_MAX):
                yield held
                held, held_bytes = [], 0
            held.append(job)
            held_bytes += len(job.payload)
    if held:
        yield held
