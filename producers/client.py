"""Asking for work from asynchronous code."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Self, Unpack

from pydantic import JsonValue

from producers.batch import BatchReport, calls_of
from producers.following import Following, JobResult
from producers.handle import JobHandle
from producers.manager import QueueManager
from producers.order import Options, new_job
from producers.payloads.base import Payload
from producers.sending import Sender
from streams.cancel import Cancellation
from streams.connection import connected
from streams.durability import FAST, Durability, Reached, require_reachable, secure
from streams.enqueue import Acceptance, Enqueued
from streams.errors import QueueDrainingError, QueueFullError
from streams.events import Gap, JobEvent
from streams.job import NewJob
from streams.jobs import JobView
from streams.keys import Keys
from streams.server import Server

#: Calls of `enqueue_many` that the server has at a time: it is never idle for want of one.
CALLS_UNDER_WAY = 3


class Producer:
    """Sends jobs to one queue and asks what became of them.

    Every call is one round trip, except where its docstring says otherwise. An enqueue
    whose answer was lost is sent again, twice at most, and adds nothing twice: the id of a
    job is fixed before it is sent. Nothing else is repeated.
    """

    def __init__(self, server: Server, queue: str, *, length_max: int = 0) -> None:
        self._server = server
        self._keys = Keys(queue)
        self._length_max = length_max
        self._following = Following(server, self._keys)
        self._sender = Sender(server, self._keys, length_max)

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
            jobs = cls(server, queue, length_max=length_max)
            try:
                yield jobs
            finally:
                await jobs._following.close()

    @property
    def queue(self) -> str:
        """The queue that this producer sends to."""
        return self._keys.queue

    async def enqueue(
        self,
        payload: Payload,
        *,
        wait: timedelta | None = None,
        durability: Durability = FAST,
        **options: Unpack[Options],
    ) -> Enqueued:
        """Hand in one job.

        The answer names the job: the new one, or the one that was there before under the
        same id or unique key. Where that one waits at a lower level it is moved up, which
        costs a second round trip.

        With *wait* a full queue is waited for, so long at most. *durability* says how safe
        the job is to be before the answer; that costs one round trip more (two for
        `FSYNCED`) and the wait, and `reached` says what came of it. Neither is asked for by
        default.

        Raises:
            QueueFullError: the queue holds as many jobs as it may; with *wait*
                `QueueStayedFullError`, which is a `TimeoutError` too.
            QueueDrainingError: somebody drains the queue; it takes no new jobs.
            InvalidJobError: an option or the payload's size is out of its range.
            AnswerLostError: Redis was not heard; sending the same id again is safe.
            DurabilityError: the server cannot say so; nothing was sent.
        """
        job = new_job(payload, **options)
        if durability.is_fast:
            [answer] = await self._send([job], wait)
        else:
            answer = await self._send_securely(job, wait, durability)
        if answer.acceptance is Acceptance.FULL:
            raise QueueFullError(self.queue, answer.length, self._length_max)
        if answer.stop is not None:
            stop = answer.stop
            raise QueueDrainingError(self.queue, stop.by, stop.since_ms, str(stop))
        if answer.resent and "id" not in options and answer.id == job.id:
            # Nobody else knows this id: it came with the call whose answer was lost.
            return answer._replace(acceptance=_as_new(answer.acceptance, job))
        return answer

    async def _send(
        self, jobs: Sequence[NewJob], wait: timedelta | None, server: Server | None = None
    ) -> list[Enqueued]:
        if wait is None:
            return await self._sender.send(jobs, server)
        return await self._sender.send_when_there_is_room(jobs, wait, server)

    async def _send_securely(
        self, job: NewJob, wait: timedelta | None, durability: Durability
    ) -> Enqueued:
        async with self._server.apart() as server:
            await require_reachable(server.client, durability)
            [answer] = await self._send([job], wait, server)
            if answer.acceptance.is_refusal:
                return answer
            has_written = answer.is_new and not answer.resent
            reached = await secure(server.client, self._keys, durability, has_written=has_written)
        return answer._replace(reached=reached)

    async def enqueue_many(
        self,
        jobs: Iterable[NewJob] | AsyncIterable[NewJob],
        *,
        wait: timedelta | None = None,
        durability: Durability = FAST,
        progress: Callable[[BatchReport], object] | None = None,
    ) -> BatchReport:
        """Hand in any number of jobs, a hundred (or 4 MiB) a call, in their order.

        Only jobs of a call that has to be repeated may come behind later ones. While the
        server has three calls the next one is made ready. *progress* is called with what is
        known so far after the answer to each call.

        A job that finds the queue full or draining is refused and counted; the others go in.
        With *wait* none is refused by a full one: the next is sent when there is room, one call
        after the other, and only where nothing could go in for so long is that an error.
        *durability* is waited for once, after the last job.

        Raises:
            QueueStayedFullError: with *wait*: there was no room for so long.
            AnswerLostError: Redis was not heard; what was sent may be sent again.
            DurabilityError: the server cannot say so; nothing was sent.
        """
        if not durability.is_fast:
            async with self._server.apart() as server:
                await require_reachable(server.client, durability)
        report = BatchReport()
        under_way: deque[asyncio.Task[list[Enqueued]]] = deque()
        calls_max = CALLS_UNDER_WAY if self._server.keeps_order and wait is None else 1

        async def take_one() -> BatchReport:
            told = report.with_answers(await under_way.popleft())
            if progress is not None:
                progress(told)
            return told

        try:
            async with aclosing(calls_of(jobs)) as calls:
                async for call in calls:
                    under_way.append(asyncio.ensure_future(self._send(call, wait)))
                    # The first goes alone: where it has to make the script known, others would
                    # overtake it.
                    if len(under_way) == (calls_max if report.total else 1):
                        report = await take_one()
            while under_way:
                report = await take_one()
        finally:
            for each in under_way:
                each.cancel()
        return report if durability.is_fast else await self._secured(report, durability)

    async def _secured(self, report: BatchReport, durability: Durability) -> BatchReport:
        if report.resent:
            # A call was lost: what it left behind may be on a server that is the master no more.
            return replace(report, reached=Reached(durability))
        async with self._server.apart() as server:
            reached = await secure(server.client, self._keys, durability, has_written=False)
        return replace(report, reached=reached)

    def job(self, job_id: str) -> JobHandle:
        """A handle for the job *job_id*; nothing is asked yet."""
        return JobHandle(self._server, self._keys, self._following, job_id)

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

    def results(self, job_ids: Iterable[str], *, timeout: timedelta) -> AsyncGenerator[JobResult]:
        """How jobs end, each as soon as it has; those that died or were cancelled too.

        Up to 10,000 jobs, over the one connection on which this producer listens.

        Raises:
            TimeoutError: some have not ended in time; they go on.
            UnknownJobError: one of them has no record.
        """
        return self._following.results(list(job_ids), timeout_s=timeout.total_seconds())

    def events(self, job_ids: Iterable[str]) -> AsyncGenerator[JobEvent]:
        """What happens to up to 10,000 jobs, as it happens, until all of them have ended.

        Each begins with where it is now (`seen`), which is told again where events were
        missed. A server that is away is waited for.

        Raises:
            UnknownJobError: one of them has no record.
        """
        return self._following.events(list(job_ids))

    def watch(self) -> AsyncGenerator[JobEvent | Gap]:
        """What happens to all jobs of the queue, for as long as it is listened to.

        It begins with a `Gap`, and has another one wherever events were missed: the server
        was away, or whoever listens does not keep up.
        """
        return self._following.all_events()

    async def cancel(self, job_id: str) -> Cancellation:
        """End a job that waits; ask the worker that runs it otherwise (two round trips)."""
        return await self.job(job_id).cancel()


def _as_new(acceptance: Acceptance, job: NewJob) -> Acceptance:
    if acceptance is not Acceptance.EXISTS:
        return acceptance
    is_later = job.delay_ms > 0 or job.due_ms > time.time() * 1000
    return Acceptance.DELAYED if is_later else Acceptance.READY
