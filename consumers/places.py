"""Where handlers run, besides the event loop, and how they reach the worker from there."""

import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

import anyio

from consumers.children.pool import Children
from consumers.children.process import ChildLimits
from consumers.children.source import Source
from consumers.deadlines import Deadlines
from consumers.ending import Ending
from consumers.errors import RegistryError
from consumers.handler import Context, Link, Unlinked
from consumers.inflight import Inflight, Running
from consumers.logs import Logger
from consumers.registry import Registry, Runs
from consumers.roles.reporter import Reporter
from consumers.settings import WorkerSettings
from consumers.threads import Threads


class ChildPlaces(Protocol):
    """Runs jobs in child processes: see `consumers.children.pool`."""

    async def run(self, running: Running, context: Context, timeout_s: float) -> Ending:
        """Run one job in a child to its end; never raises for what the child does."""
        ...


def unlinked(_running: Running) -> Link:
    """A link to nowhere."""
    return Unlinked()


async def _alone_already(_running: Running) -> None:
    """Wait for nobody."""


@dataclass(frozen=True, slots=True)
class Places:
    """What an execution needs besides the handlers.

    Without *children* a suspect runs in this process, after *alone* has waited until
    nothing else does.
    """

    threads: Threads
    children: ChildPlaces | None = None
    link: Callable[[Running], Link] = unlinked
    alone: Callable[[Running], Awaitable[None]] = _alone_already
    deadlines: Deadlines = field(default_factory=Deadlines)


@asynccontextmanager
async def open_places(
    reporter: Reporter,
    settings: WorkerSettings,
    registry: Registry,
    inflight: Inflight,
    source: Source | None,
    end_worker: Callable[[], None],
    log: Logger,
) -> AsyncGenerator[Places]:
    """The places of one worker, until the block ends; *source* makes its children's handlers.

    Raises:
        ChildStartError: a kind needs a child process, and none can be started.
    """
    threads = _open_threads(settings.concurrency, end_worker, log)
    async with anyio.create_task_group() as reporting:
        reporting.start_soon(reporter.run)
        if source is None:
            yield Places(threads, link=reporter.link, alone=inflight.wait_until_alone)
        else:
            limits = ChildLimits(settings.child_memory_mb, settings.child_jobs_max)
            slots = settings.children or min(settings.concurrency, len(os.sched_getaffinity(0)))
            async with Children.open(source, limits, slots, log) as children:
                if kinds := registry.kinds_of(Runs.CHILD):
                    await children.warm(kinds)
                yield Places(threads, children, reporter.link)
        reporting.cancel_scope.cancel()


def require_child_source(registry: Registry, source: Source | None) -> None:
    """Refuse kinds that need what this worker does not have.

    Raises:
        RegistryError: a handler runs in a child process, and nothing says how one opens it.
    """
    kinds = registry.kinds_of(Runs.CHILD)
    if kinds and source is None:
        raise RegistryError(
            f"{', '.join(kinds)} must run in a child process, and a child opens its handlers "
            'itself: give the worker children=Source(factory="package.module:function"), where '
            "the function returns this registry"
        )


def _open_threads(slots: int, end_worker: Callable[[], None], log: Logger) -> Threads:
    """Threads for the plain handlers of a worker with *slots*.

    One that ignores the end of its time is abandoned with a loud word. When none is left
    that could run a handler, the worker ends, because only a new process helps.
    """

    def abandoned(number: int) -> None:
        log.error(
            "handler_thread_abandoned",
            abandoned=number,
            threads=slots,
            hint="a plain handler goes on after its time: let it call context.check, or bind it "
            'with runs="child", where it can be killed',
        )
        if number >= slots:
            log.error("handler_threads_exhausted", hint="the worker ends: start it again")
            end_worker()

    return Threads(slots, abandoned)
