"""A child process as its worker sees it: start, run one job, end."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import anyio
from anyio.abc import Process, TaskGroup

from consumers.children import guard
from consumers.children.endings import ending_of
from consumers.children.frames import (
    FROM_CHILD,
    Cancel,
    Channel,
    FrameError,
    FromChildFrame,
    Logged,
    Progress,
    Ready,
    Refused,
    Run,
    read_frame,
)
from consumers.children.output import Output
from consumers.children.source import Source
from consumers.children.words import exit_words
from consumers.ending import Crashed, Ending, Interrupted, Returned, TimedOut
from consumers.errors import ConsumerError
from consumers.handler import Link
from consumers.inflight import Running, Stop
from consumers.logs import Logger

#: A child that has not opened its handlers by then will not.
START_S = 60.0
#: After the attempt's time a child gets so long to say so itself. Less than the shortest
#: lease, which is renewed until the deadline and not after it.
LATE_S = 0.5
#: A handler that is asked to end gets so long before its process is killed.
ASK_S = 1.0
#: An idle child that is told to go gets so long to close what it has open.
CLOSE_S = 2.0
#: What a process that has ended has said may still be on its way.
LAST_WORDS_S = 0.5
#: Frames that wait for the worker; a child that says more has to wait.
FRAMES_MAX = 16

_Heard = tuple[FromChildFrame, bytes]


class ChildStartError(ConsumerError):
    """Raised when no child process can be had: its handlers cannot be opened in it."""


@dataclass(frozen=True, slots=True)
class ChildLimits:
    """What one child may have."""

    memory_mb: int
    """Address space (RLIMIT_AS) in MiB."""
    jobs_max: int
    """Jobs after which it is replaced by a new one."""


class ChildProcess:
    """Runs one job at a time. Made by `start`."""

    def __init__(
        self,
        process: Process,
        channel: Channel,
        log: Logger,
    ) -> None:
        self._process = process
        self._channel = channel
        self._output = Output(log)
        #: What it has said; None when it will say no more.
        self._heard: asyncio.Queue[_Heard | None] = asyncio.Queue(FRAMES_MAX)
        self._is_spoiled = False
        self._talks_nonsense = False
        self.kinds: frozenset[str] = frozenset()
        self.jobs = 0

    @classmethod
    async def start(
        cls, source: Source, limits: ChildLimits, tasks: TaskGroup, log: Logger
    ) -> Self:
        """A process that has opened its handlers; *tasks* listen to it until it has ended.

        Raises:
            ChildStartError: it has not; says why.
        """
        process, channel = await _spawn(source, limits)
        child = cls(process, channel, log)
        tasks.start_soon(child._watch)
        try:
            with anyio.fail_after(START_S):
                child.kinds = await child._ready(limits)
        except TimeoutError:
            child.kill()
            raise ChildStartError(
                f"a child has not opened its handlers within {START_S:g} s"
            ) from None
        except BaseException:
            child.kill()
            raise
        return child

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    @property
    def is_fit(self) -> bool:
        """True while it may be given another job."""
        return not self._is_spoiled and self._process.returncode is None

    async def run(
        self, job: Run, payload: bytes, running: Running, link: Link, log: Logger
    ) -> Ending:
        """Run *job* until it ends, its time is over, or *running* is ended from outside.

        A child that had to be killed, or that cannot be trusted any more, is not fit for
        another job afterwards.
        """
        self.jobs = job.run
        self._output.begin(log)
        ending: Ending | None = None
        try:
            with running.scope, anyio.move_on_after(job.timeout_ms / 1000 + LATE_S):
                ending = await self._hear_end(job, payload, link)
            if ending is None and running.stop in {Stop.CANCELLED, Stop.SHUTDOWN}:
                ending = await self._ask_to_end(job, link)
        finally:
            # A timeout too: what its handler has left behind in the process is unknown.
            if ending is None or isinstance(ending, Crashed | TimedOut):
                self.kill()
            self._output.flush()
        if ending is not None and (running.stop is None or isinstance(ending, Returned)):
            return ending
        return TimedOut() if running.stop is None else Interrupted()

    async def close(self) -> None:
        """Let it go: it closes what its handlers have open, or is killed."""
        self._is_spoiled = True
        self._channel.close()
        with anyio.CancelScope(shield=True):
            with anyio.move_on_after(CLOSE_S):
                await self._process.wait()
            self.kill()

    def kill(self) -> None:
        """End it at once, and what it has started, without a word."""
        self._is_spoiled = True
        _kill_group(self._process)

    async def _hear_end(self, job: Run, payload: bytes, link: Link) -> Ending:
        with suppress(OSError):  # it has ended: what it says last tells why
            await self._channel.send(job, payload)
        return await self._ending(job.run, link)

    async def _ask_to_end(self, job: Run, link: Link) -> Ending | None:
        with suppress(OSError), anyio.move_on_after(ASK_S):
            await self._channel.send(Cancel())
            return await self._ending(job.run, link)
        return None

    async def _ending(self, run: int, link: Link) -> Ending:
        """Listen until the child says that *run* has ended, or has itself ended."""
        while heard := await self._hear():
            frame, body = heard
            if isinstance(frame, Ready | Refused):
                return Crashed("said what it may not say", repr(frame)[:200])
            if frame.run != run:
                continue
            if isinstance(frame, Progress):
                link.report(frame.fraction, frame.message)
            elif isinstance(frame, Logged):
                link.log(frame.event, frame.fields)
            else:
                return ending_of(frame, body)
        return Crashed(self._how_it_ended(), self._output.tail)

    async def _ready(self, limits: ChildLimits) -> frozenset[str]:
        heard = await self._hear()
        if heard is not None and isinstance(heard[0], Ready):
            return frozenset(heard[0].kinds)
        if heard is not None and isinstance(heard[0], Refused):
            raise ChildStartError(f"a child cannot open its handlers: {heard[0].reason}")
        raise ChildStartError(
            f"a child has ended before its handlers were open: {self._how_it_ended()} (it may "
            f"have {limits.memory_mb} MiB)\n{self._output.tail}".rstrip()
        )

    async def _hear(self) -> _Heard | None:
        heard = await self._heard.get()
        if heard is None:
            self._heard.put_nowait(None)  # for whoever asks again
        return heard

    def _how_it_ended(self) -> str:
        if self._talks_nonsense:
            return "said what it may not say"
        status = self._process.returncode
        return "hung up" if status is None else exit_words(status)

    async def _watch(self) -> None:
        """Listen until the process has ended and its last words are heard."""
        heard = anyio.Event()

        async def listen() -> None:
            async with anyio.create_task_group() as listening:
                listening.start_soon(self._listen_to_frames)
                listening.start_soon(self._listen_to_output)
            heard.set()

        try:
            async with anyio.create_task_group() as watching:
                watching.start_soon(listen)
                await self._process.wait()
                # What it has started may hold its socket and its output open.
                self.kill()
                with anyio.move_on_after(LAST_WORDS_S):
                    await heard.wait()
                watching.cancel_scope.cancel()
        finally:
            self.kill()
            while self._heard.full():
                self._heard.get_nowait()
            self._heard.put_nowait(None)
            self._channel.close()
            with anyio.CancelScope(shield=True):
                await self._process.aclose()

    async def _listen_to_frames(self) -> None:
        try:
            while frame := await self._channel.receive():
                header, body = frame
                await self._heard.put((read_frame(FROM_CHILD, header), body))
        except FrameError as error:
            self._talks_nonsense = True
            self._output.feed(f"{error}\n".encode())
        # It has hung up, or is of no use.
        with anyio.move_on_after(0 if self._talks_nonsense else LAST_WORDS_S):
            await self._process.wait()
        self.kill()

    async def _listen_to_output(self) -> None:
        stream = self._process.stdout
        if stream is None:
            return
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            async for chunk in stream:
                self._output.feed(chunk)


async def _spawn(source: Source, limits: ChildLimits) -> tuple[Process, Channel]:
    ours, theirs = socket.socketpair()
    try:
        process = await anyio.open_process(
            _command(source, limits, theirs.fileno()),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=_environment(source.environment),
            pass_fds=[theirs.fileno()],
        )
    except OSError as error:
        ours.close()
        raise ChildStartError(f"no process can be started: {error}") from error
    finally:
        theirs.close()
    try:
        return process, Channel(*await asyncio.open_unix_connection(sock=ours))
    except BaseException:
        _kill_group(process)
        ours.close()
        raise


def _command(source: Source, limits: ChildLimits, channel: int) -> list[str]:
    """The arguments of a process are for everybody to read: no secret stands there."""
    return [
        *(sys.executable, "-u", "-P", "-X", "faulthandler", guard.__file__),
        *("--channel", str(channel), "--parent", str(os.getpid())),
        *("--memory-bytes", str(limits.memory_mb * 1024 * 1024)),
        *("--system", source.system, "--factory", source.factory),
    ]


def _environment(added: Mapping[str, str]) -> dict[str, str]:
    """The worker's own, and the way to find every module that the worker can find."""
    found = [str(Path(entry).absolute()) for entry in sys.path]
    return {**os.environ, **added, "PYTHONPATH": os.pathsep.join(found)}


def _kill_group(process: Process) -> None:
    """SIGKILL to the child and to what it has started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.kill()
