"""Asking for work from code without an event loop."""

from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from typing import Self, TypeVar, Unpack

import anyio
from anyio.from_thread import BlockingPortal, start_blocking_portal
from pydantic import JsonValue

from producers.batch import BatchReport
from producers.blockingmanager import BlockingQueueManager
from producers.client import Producer
from producers.following import JobResult
from producers.handle import JobHandle
from producers.order import Options
from producers.payloads.base import Payload
from streams.cancel import Cancellation
from streams.durability import FAST, Durability
from streams.enqueue import Enqueued
from streams.events import Gap, JobEvent
from streams.job import NewJob
from streams.jobs import JobView

_Item = TypeVar("_Item")


class BlockingProducer:
    """`Producer` for threads: each call waits for its answer, and any thread may call.

    One thread with an event loop stands behind it, which all callers share, as they share
    the connection. Make it after a process has forked, not before: threads stay behind.
    """

    def __init__(self, portal: BlockingPortal, jobs: Producer) -> None:
        self._portal = portal
        self._jobs = jobs

    @classmethod
    @contextmanager
    def connect(cls, url: str, *, queue: str, length_max: int = 0) -> Generator[Self]:
        """A producer for *queue* on the Redis at *url*; *length_max* 0 means no limit.

        Raises:
            ServerUnavailableError: no Redis there.
            SettingsError: *url* is no Redis URL.
            InvalidJobError: *queue* is no name of a queue.
        """
        with start_blocking_portal(name="millstream-producer") as portal:
            opened = Producer.connect(url, queue=queue, length_max=length_max)
            with portal.wrap_async_context_manager(opened) as jobs:
                yield cls(portal, jobs)

    @property
    def queue(self) -> str:
        """The queue that this producer sends to."""
        return self._jobs.queue

    def enqueue(
        self,
        payload: Payload,
        *,
        wait: timedelta | None = None,
        durability: Durability = FAST,
        **options: Unpack[Options],
    ) -> Enqueued:
        """Hand in one job; as `Producer.enqueue`."""
        send = partial(self._jobs.enqueue, payload, wait=wait, durability=durability, **options)
        return self._portal.call(send)

    def enqueue_many(
        self,
        jobs: Iterable[NewJob],
        *,
        wait: timedelta | None = None,
        durability: Durability = FAST,
        progress: Callable[[BatchReport], object] | None = None,
    ) -> BatchReport:
        """Hand in any number of jobs; as `Producer.enqueue_many`.

        *jobs* is read and *progress* called in the thread of the event loop: an iterator
        that waits holds up the calls of other threads.
        """
        send = partial(
            self._jobs.enqueue_many, jobs, wait=wait, durability=durability, progress=progress
        )
        return self._portal.call(send)

    def get(self, job_id: str) -> JobView:
        """Everything that is known of a job; as `Producer.get`."""
        return self._portal.call(self._jobs.get, job_id)

    def result(self, job_id: str, *, timeout: timedelta) -> JsonValue:
        """Wait until a job has ended, and return its result; as `Producer.result`."""
        return self._portal.call(partial(self._jobs.result, job_id, timeout=timeout))

    def results(self, job_ids: Iterable[str], *, timeout: timedelta) -> Iterator[JobResult]:
        """How jobs end, each as soon as it has; as `Producer.results`."""
        return _in_turn(self._portal, self._jobs.results(job_ids, timeout=timeout))

    def events(self, job_ids: Iterable[str]) -> Iterator[JobEvent]:
        """What happens to jobs until all have ended; as `Producer.events`."""
        return _in_turn(self._portal, self._jobs.events(job_ids))

    def watch(self) -> Iterator[JobEvent | Gap]:
        """What happens to all jobs of the queue; as `Producer.watch`."""
        return _in_turn(self._portal, self._jobs.watch())

    def cancel(self, job_id: str) -> Cancellation:
        """End a job; as `Producer.cancel`."""
        return self._portal.call(self._jobs.cancel, job_id)

    def manager(self) -> BlockingQueueManager:
        """Whoever manages this queue; as `Producer.manager`."""
        return BlockingQueueManager(self._portal, self._jobs.manager())

    def job(self, job_id: str) -> "BlockingJobHandle":
        """A handle for the job *job_id*; nothing is asked yet."""
        return BlockingJobHandle(self._portal, self._jobs.job(job_id))


class BlockingJobHandle:
    """`JobHandle` for threads."""

    def __init__(self, portal: BlockingPortal, handle: JobHandle) -> None:
        self._portal = portal
        self._handle = handle

    @property
    def id(self) -> str:
        """The job's id."""
        return self._handle.id

    def view(self) -> JobView:
        """Everything that is known of it; as `JobHandle.view`."""
        return self._portal.call(self._handle.view)

    def result(self, *, timeout: timedelta) -> JsonValue:
        """Wait until it has ended, and return its result; as `JobHandle.result`."""
        return self._portal.call(partial(self._handle.result, timeout=timeout))

    def events(self) -> Iterator[JobEvent]:
        """What happens to it until it has ended; as `JobHandle.events`."""
        return _in_turn(self._portal, self._handle.events())

    def cancel(self) -> Cancellation:
        """End it; as `JobHandle.cancel`."""
        return self._portal.call(self._handle.cancel)

    def retry(self, *, by: str = "") -> None:
        """Make it run again after its death; as `JobHandle.retry`."""
        self._portal.call(partial(self._handle.retry, by=by))


def _in_turn(portal: BlockingPortal, items: AsyncGenerator[_Item]) -> Iterator[_Item]:
    """What *items* yields, each waited for in this thread."""
    turn = anyio.Lock()

    async def following() -> tuple[_Item, ...]:
        async with turn:
            async for item in items:
                return (item,)
        return ()

    async def end() -> None:
        async with turn:
            await items.aclose()

    waiting: Future[tuple[_Item, ...]] | None = None
    try:
        while found := (waiting := portal.start_task_soon(following)).result():
            yield from found
    finally:
        if waiting is not None:
            # Where this thread was interrupted while it waited.
            waiting.cancel()
        # Where the producer was closed before, its loop has ended them.
        with suppress(RuntimeError):
            portal.call(end)
