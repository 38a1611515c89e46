"""Asking for work from code without an event loop."""

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Self, Unpack

from anyio.from_thread import BlockingPortal, start_blocking_portal
from pydantic import JsonValue

from producers.batch import BatchReport
from producers.blockingmanager import BlockingQueueManager
from producers.client import Producer
from producers.handle import JobHandle
from producers.order import Options
from producers.payloads.base import Payload
from streams.cancel import Cancellation
from streams.durability import FAST, Durability
from streams.enqueue import Enqueued
from streams.job import NewJob
from streams.jobs import JobView


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

    def cancel(self) -> Cancellation:
        """End it; as `JobHandle.cancel`."""
        return self._portal.call(self._handle.cancel)

    def retry(self, *, by: str = "") -> None:
        """Make it run again after its death; as `JobHandle.retry`."""
        self._portal.call(partial(self._handle.retry, by=by))
