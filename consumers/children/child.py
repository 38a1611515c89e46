"""A child process: opens its handlers, and runs one job at a time for its worker.

A fresh interpreter and no fork, because a fork of a process with threads takes their locks
with it. It begins in `guard.py`.
"""

import asyncio
import os
import socket
import threading
import time
from collections.abc import Mapping
from typing import NoReturn

import anyio
import orjson

from consumers.attempt import Failure
from consumers.children.endings import frame_of, leave_for_memory
from consumers.children.frames import (
    TO_CHILD,
    Channel,
    Ended,
    Failed,
    Logged,
    Progress,
    Ready,
    Refused,
    Result,
    Run,
    read_frame,
)
from consumers.children.source import Source, open_registry
from consumers.deadlines import Deadlines
from consumers.handler import Context
from consumers.handling import handle
from consumers.logline import LINES_MAX, Scalar
from consumers.registry import Registry
from consumers.threads import Threads

#: Why a child cannot open its handlers, in one line of a log.
REASON_CHARS_MAX = 1_000


def run_child(channel: int, system: str, factory: str) -> NoReturn:
    """Serve the worker at the other end of the socket *channel* until it hangs up."""
    try:
        anyio.run(_serve, channel, Source(system, factory))
    except MemoryError:
        leave_for_memory()
    # Not through the interpreter's exit, which would wait for the threads of packages.
    os._exit(0)


async def _serve(channel_number: int, source: Source) -> None:
    os.set_inheritable(channel_number, False)
    sock = socket.socket(fileno=channel_number)
    channel = Channel(*await asyncio.open_unix_connection(sock=sock))
    try:
        async with open_registry(source, os.environ) as registry:
            await channel.send(Ready(kinds=tuple(registry)))
            await JobServer(registry, channel).run()
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the worker has to say it
        reason = Failure.of(error)
        said = f"{reason.error}: {reason.message}"[:REASON_CHARS_MAX]
        await channel.send(Refused(reason=said))


class JobServer:
    """Runs what the worker says, one job at a time."""

    def __init__(self, registry: Registry, channel: Channel) -> None:
        self._registry = registry
        self._channel = channel
        self._threads = Threads(1)
        self._deadlines = Deadlines()
        self._scope: anyio.CancelScope | None = None

    async def run(self) -> None:
        """Serve until the worker hangs up; in the middle of a job that is the end at once."""
        async with anyio.create_task_group() as jobs:
            while frame := await self._channel.receive():
                header, body = frame
                said = read_frame(TO_CHILD, header)
                if isinstance(said, Run):
                    self._scope = anyio.CancelScope()
                    jobs.start_soon(self._run_job, said, body, self._scope)
                elif self._scope is not None:  # a Cancel
                    self._scope.cancel()
            if self._scope is not None:
                os._exit(0)

    async def _run_job(self, job: Run, payload: bytes, scope: anyio.CancelScope) -> None:
        try:
            answer, body = await self._answer(job, payload, scope)
        except MemoryError:
            leave_for_memory()
            return
        self._scope = None
        await self._channel.send(answer, body)

    async def _answer(
        self, job: Run, payload: bytes, scope: anyio.CancelScope
    ) -> tuple[Result | Failed | Ended, bytes]:
        binding = self._registry.find(job.kind)
        if binding is None:
            raise LookupError(f"this child was given the kind '{job.kind}', which it does not know")
        context = Context(
            job_id=job.job_id,
            kind=job.kind,
            queue=job.queue,
            attempt=job.attempt,
            attempts_max=job.attempts_max,
            fence=job.fence,
            enqueued_ms=job.enqueued_ms,
            meta=orjson.loads(job.meta),
            deadline_s=time.monotonic() + job.timeout_ms / 1000,
            link=ChannelLink(job.run, self._channel, scope),
        )
        ending = await handle(binding, payload, context, scope, self._threads, self._deadlines)
        return frame_of(job.run, ending)


class ChannelLink:
    """The way of a handler in this process to its worker, and so to the job's record."""

    def __init__(self, run: int, channel: Channel, scope: anyio.CancelScope) -> None:
        self._run = run
        self._channel = channel
        self._scope = scope
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._lines = 0

    @property
    def cancelled(self) -> bool:
        """True when the worker wants the handler to end."""
        return self._scope.cancel_called

    async def progress(self, fraction: float, message: str) -> None:
        """Tell the worker, which publishes it."""
        await self._channel.send(Progress(run=self._run, fraction=fraction, message=message))

    def report(self, fraction: float, message: str) -> None:
        """Have the worker told soon."""
        frame = Progress(run=self._run, fraction=fraction, message=message)
        self._loop.call_soon_threadsafe(self._channel.post, frame)

    def log(self, event: str, fields: Mapping[str, Scalar]) -> None:
        """Have the worker write it; one line too many lets it know that there are more."""
        self._lines += 1
        if self._lines > LINES_MAX + 1:
            return
        frame = Logged(run=self._run, event=event, fields=dict(fields))
        if threading.get_ident() == self._thread:
            # At once: an `async def` that ends now is heard before anything that waits.
            self._channel.post(frame)
        else:
            self._loop.call_soon_threadsafe(self._channel.post, frame)
