"""The gradient worker inside of another program."""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self, TypedDict

from redis.asyncio import Redis

from consumers.children.source import Source
from consumers.errors import ConsumerError
from consumers.metrics import Metrics
from consumers.settings import worker_settings
from consumers.systems import find_system, system_named
from consumers.worker import Worker
from producers.client import Producer
from producers.payloads.gradients import GradientJob
from streams.cache import RedisCache
from streams.connection import connected
from streams.inspection import QueueReport, inspect_queue
from streams.keys import Keys

SYSTEM = "gradients"

_KEYS = Keys(SYSTEM)


class Stats(TypedDict):
    """What this worker has done since it was started.

    `jobsFailed` are those that will not be tried again. The times are those of all runs of
    the handler, in milliseconds, failed ones included.
    """

    jobsProcessed: int
    jobsFailed: int
    activeJobs: int
    isRunning: bool
    avgProcessingTimeMs: float
    totalProcessingTimeMs: float


class NotStartedError(ConsumerError):
    """Raised when something is asked of a worker that does not run."""

    def __init__(self) -> None:
        super().__init__("the gradient worker does not run: call `start` first")


@dataclass(frozen=True, slots=True)
class _Open:
    """What there is while the worker runs."""

    worker: Worker
    producer: Producer
    client: Redis


class GradientWorker:
    """Finds the colours of pictures, in an application's own process and event loop.

    It reads the same environment as `millstream-worker gradients`. Pictures are decoded in
    child processes, so that they hold nothing up here. One that was stopped may be started
    again.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        named = system_named(SYSTEM)
        self._environment = environment
        self._settings = worker_settings(
            environment, {}, queue=SYSTEM, variables=named.variables, defaults=named.defaults
        )
        self._metrics = Metrics(SYSTEM, frozenset({GradientJob.kind}), self._settings.concurrency)
        self._task: asyncio.Task[None] | None = None
        self._open: _Open | None = None

    async def start(self) -> None:
        """Begin to take jobs; comes back when jobs may be enqueued.

        Raises:
            ConsumerError, StreamsError: the settings, the packages or Redis will not do.
        """
        if self._task is not None:
            return
        opened = asyncio.Event()
        task = self._task = asyncio.create_task(self._run(opened))
        waiting = asyncio.create_task(opened.wait())
        await asyncio.wait((task, waiting), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            waiting.cancel()
            self._task = None
            await task

    async def stop(self) -> None:
        """Take no more jobs, finish those that run, and hand back what is not done in time.

        Raises:
            ConsumerError, StreamsError: what had ended it before.
        """
        task, self._task = self._task, None
        if task is not None:
            if self._open is not None:
                self._open.worker.stop()
            await task

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def is_running(self) -> bool:
        """True from `start` until the worker has ended, for whatever reason."""
        return self._open is not None

    async def enqueue_job(self, job: GradientJob) -> str:
        """Ask for the gradient of one picture; the id of the job.

        Raises:
            NotStartedError: it does not run.
        """
        return (await self._opened().producer.enqueue(job)).id

    def get_stats(self) -> Stats:
        """What has been done since it was made, and whether it runs."""
        labels = {"queue": SYSTEM, "kind": GradientJob.kind}
        total_ms = 1000 * self._sample("millstream_handler_seconds_sum", labels)
        runs = self._sample("millstream_handler_seconds_count", labels)
        return Stats(
            jobsProcessed=self._ended("completed"),
            jobsFailed=self._ended("dead"),
            activeJobs=int(self._sample("millstream_running", {"queue": SYSTEM})),
            isRunning=self.is_running,
            avgProcessingTimeMs=round(total_ms / runs, 1) if runs else 0.0,
            totalProcessingTimeMs=round(total_ms, 1),
        )

    async def get_queue_length(self) -> int:
        """Jobs that wait for a worker, of all workers of the queue.

        Raises:
            NotStartedError: it does not run.
        """
        return (await self._report()).undelivered

    async def get_processing_count(self) -> int:
        """Jobs that run in any worker of the queue (raises as `get_queue_length`)."""
        return (await self._report()).running

    async def get_delayed_count(self) -> int:
        """Jobs that wait for their next try (raises as `get_queue_length`)."""
        return (await self._report()).delayed

    async def _run(self, opened: asyncio.Event) -> None:
        settings, url = self._settings, self._settings.redis_url.get_secret_value()
        cache_url = (settings.cache_url or settings.redis_url).get_secret_value()
        environment = {**self._environment, "CACHE_URL": cache_url}
        async with (
            connected(url) as client,
            connected(cache_url) as cache_client,
            Producer.connect(url, queue=SYSTEM) as producer,
            find_system(SYSTEM)(RedisCache(cache_client), environment) as registry,
        ):
            worker = Worker(
                registry,
                settings,
                metrics=self._metrics,
                children=Source(SYSTEM, environment=environment),
                heeds_signals=False,
            )
            self._open = _Open(worker, producer, client)
            opened.set()
            try:
                await worker.run()
            finally:
                self._open = None

    def _opened(self) -> _Open:
        if self._open is None:
            raise NotStartedError
        return self._open

    async def _report(self) -> QueueReport:
        return await inspect_queue(self._opened().client, _KEYS)

    def _ended(self, outcome: str) -> int:
        kinds = (GradientJob.kind, "unknown")
        return sum(
            int(
                self._sample(
                    "millstream_deliveries_ended_total",
                    {"queue": SYSTEM, "kind": kind, "outcome": outcome},
                )
            )
            for kind in kinds
        )

    def _sample(self, name: str, labels: dict[str, str]) -> float:
        return self._metrics.registry.get_sample_value(name, labels) or 0.0
