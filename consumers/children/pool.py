"""The child processes of one worker: warm ones for its `child` handlers, and one for suspects."""

import time
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from typing import Self

import anyio
import orjson
from anyio.abc import TaskGroup

from consumers.attempt import Failure
from consumers.children.frames import Run
from consumers.children.process import ChildLimits, ChildProcess, ChildStartError
from consumers.children.source import Source
from consumers.ending import Ending, Interrupted, Invalid, Unstarted
from consumers.handler import Context
from consumers.inflight import Running
from consumers.logs import Logger


class Children:
    """Runs jobs in child processes, at most *slots* at a time and a suspect besides.

    A warm child runs one job after the other until it has had its number of them. A
    suspect gets a new process for itself, which ends with it: so that nothing but the job
    can be what kills it, and nobody is hurt when it does.
    """

    def __init__(
        self, source: Source, limits: ChildLimits, slots: int, tasks: TaskGroup, log: Logger
    ) -> None:
        self._source = source
        self._limits = limits
        self._limiter = anyio.CapacityLimiter(slots)
        self._tasks = tasks
        self._log = log
        self._idle: list[ChildProcess] = []

    @classmethod
    @asynccontextmanager
    async def open(
        cls, source: Source, limits: ChildLimits, slots: int, log: Logger
    ) -> AsyncGenerator[Self]:
        """No process yet; at the end of the block none is left."""
        async with anyio.create_task_group() as tasks:
            children = cls(source, limits, slots, tasks, log)
            try:
                yield children
            finally:
                await children._close()

    async def warm(self, kinds: Iterable[str]) -> None:
        """Start a child before the first job comes, and see that it knows *kinds*.

        Raises:
            ChildStartError: its handlers cannot be opened, or one is missing.
        """
        child = await self._start()
        missing = sorted(set(kinds) - child.kinds)
        if missing:
            await child.close()
            raise ChildStartError(
                f"the child's handlers do not include {', '.join(missing)}: its factory must "
                "return the same kinds as the worker's registry"
            )
        self._idle.append(child)

    async def run(self, running: Running, context: Context, timeout_s: float) -> Ending:
        """Run one job in a child to its end; never raises for what the child does."""
        alone = running.delivery.suspect
        place, has_place = object(), False
        child: ChildProcess | None = None
        try:
            with running.waiting():
                if not alone:
                    await self._limiter.acquire_on_behalf_of(place)
                    has_place = True
                child = await self._start() if alone else await self._warm_one()
            if running.stop is not None:
                return Interrupted()
            return await self._run_in(child, running, context, timeout_s)
        except ChildStartError as error:
            self._log.error("child_start_failed", job_id=context.job_id, error=str(error))
            return Unstarted(str(error).partition("\n")[0])
        finally:
            if child is not None:
                self._give_back(child, alone=alone)
            if has_place:
                self._limiter.release_on_behalf_of(place)

    async def _run_in(
        self, child: ChildProcess, running: Running, context: Context, timeout_s: float
    ) -> Ending:
        if context.kind not in child.kinds:
            return Unstarted(f"the child's handlers do not include '{context.kind}'")
        try:
            meta = orjson.dumps(dict(context.meta)).decode()
        except TypeError as error:  # read from JSON, but nested more deeply than it is written
            return Invalid(Failure.said("InvalidMeta", f"meta: {error}"))
        job = Run(
            run=child.jobs + 1,
            job_id=context.job_id,
            kind=context.kind,
            queue=context.queue,
            attempt=context.attempt,
            attempts_max=context.attempts_max,
            fence=context.fence,
            enqueued_ms=context.enqueued_ms,
            meta=meta,
            timeout_ms=round(timeout_s * 1000),
        )
        running.renew_until_s = time.monotonic() + timeout_s
        log = self._log.bind(job_id=context.job_id, kind=context.kind, child=child.pid)
        return await child.run(job, running.delivery.payload, running, context.link, log)

    async def _warm_one(self) -> ChildProcess:
        while self._idle:
            child = self._idle.pop()
            if child.is_fit:
                return child
        return await self._start()

    async def _start(self) -> ChildProcess:
        started_s = time.monotonic()
        child = await ChildProcess.start(self._source, self._limits, self._tasks, self._log)
        self._log.info(
            "child_started", child=child.pid, ms=round((time.monotonic() - started_s) * 1000)
        )
        return child

    def _give_back(self, child: ChildProcess, *, alone: bool) -> None:
        if child.is_fit and not alone and child.jobs < self._limits.jobs_max:
            self._idle.append(child)
        else:
            self._tasks.start_soon(child.close)

    async def _close(self) -> None:
        """Let the idle ones go, together. Of others there are none after a good end."""
        with anyio.CancelScope(shield=True):
            async with anyio.create_task_group() as closing:
                while self._idle:
                    closing.start_soon(self._idle.pop().close)
        self._tasks.cancel_scope.cancel()
