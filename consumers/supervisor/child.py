"""One worker process of a supervisor: started, listened to, ended."""

import asyncio
import math
import os
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

import anyio

from consumers.supervisor.link import VARIABLE
from consumers.supervisor.tells import TellReader
from consumers.supervisor.told import Told

_CHUNK_BYTES = 65_536


class Child:
    """A worker process in a process group of its own.

    Ctrl-C in a terminal signals the group of the supervisor, which passes it on once: a
    worker that got it twice would hand its jobs back instead of finishing them.
    """

    def __init__(
        self, process: asyncio.subprocess.Process, name: str, tell_fd: int, hear_fd: int
    ) -> None:
        self._process = process
        self._tell_fd = tell_fd
        self._hear_fd = hear_fd
        self.name = name
        self.pid = process.pid
        self.told = Told()
        #: Set when the worker has said who it is.
        self.known = anyio.Event()
        self._known_s = math.inf

    @classmethod
    async def start(
        cls, command: Sequence[str], environment: Mapping[str, str], name: str
    ) -> "Child":
        """Start *command* as a fresh process that knows its ends of the two pipes."""
        tell_out, tell_in = os.pipe()
        hear_out, hear_in = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                env={**environment, VARIABLE: f"{tell_in},{hear_out}"},
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(tell_in, hear_out),
                process_group=0,
            )
        except BaseException:
            os.close(tell_out)
            os.close(hear_in)
            raise
        finally:
            os.close(tell_in)
            os.close(hear_out)
        for fd in (tell_out, hear_in):
            os.set_blocking(fd, False)
        return cls(process, name, tell_out, hear_in)

    async def listen(self) -> None:
        """Take in what the worker tells, up to its end."""
        reader = TellReader()
        while True:
            await anyio.wait_readable(self._tell_fd)
            chunk = os.read(self._tell_fd, _CHUNK_BYTES)
            if not chunk:
                return
            for tell in reader.feed(chunk):
                self.told.take(tell, time.monotonic())
            if self.told.consumer and not self.known.is_set():
                self._known_s = time.monotonic()
                self.known.set()

    def renewed(self, sent_s: float) -> None:
        """Tell the worker that its leases were renewed at *sent_s* (clock of `boot_s`)."""
        self.told.renewed_s = max(self.told.renewed_s, sent_s)
        with suppress(OSError):  # full, because the worker is silent, or gone
            os.write(self._hear_fd, f"{sent_s!r}\n".encode())

    @property
    def lived_s(self) -> float:
        """Since it has said who it is; 0 before."""
        return max(0.0, time.monotonic() - self._known_s)

    async def wait(self) -> int:
        """Its exit status, as soon as it has ended; negative for the signal that ended it."""
        return await self._process.wait()

    def send(self, number: signal.Signals) -> None:
        """Send a signal, if it still runs."""
        with suppress(ProcessLookupError):
            self._process.send_signal(number)

    def close(self) -> None:
        """Let go of the pipes: for a worker that still runs, this is the end of us."""
        os.close(self._tell_fd)
        os.close(self._hear_fd)
