"""Publishes how far handlers are: of many reports of one job only the newest."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import anyio
from redis.exceptions import RedisError

from consumers.inflight import Running, Stop
from consumers.logline import LINES_MAX, Scalar
from consumers.logs import Logger
from consumers.metrics import Metrics
from streams.job import Token
from streams.keys import Keys
from streams.progress import note_progress
from streams.server import Server


@dataclass(slots=True)
class _Note:
    running: Running
    fraction: float
    message: str
    done: anyio.Event = field(default_factory=anyio.Event)


class Reporter:
    """The role that carries progress to the records; it holds one note a running job.

    A handler whose job belongs to another worker is ended by it. A server that does not
    answer costs a progress and no more: the next one comes.
    """

    def __init__(self, server: Server, keys: Keys, metrics: Metrics, log: Logger) -> None:
        self._server = server
        self._keys = keys
        self._metrics = metrics
        self._log = log
        self._waiting: dict[Token, _Note] = {}
        self._arrived = anyio.Event()
        self._loop = asyncio.get_running_loop()

    def link(self, running: Running) -> "RunLink":
        """The way of one run to its record."""
        return RunLink(self, self._loop, running, self._log)

    def submit(self, running: Running, fraction: float, message: str) -> anyio.Event:
        """Have it published; the event is set when it is, or will not be. Only in the loop."""
        note = _Note(running, fraction, message)
        token = running.delivery.token
        overtaken = self._waiting.pop(token, None)
        if overtaken is not None:
            overtaken.done.set()
        self._waiting[token] = note
        self._arrived.set()
        return note.done

    async def run(self) -> None:
        """Publish what is submitted, until cancelled."""
        while True:
            while not self._waiting:
                self._arrived = anyio.Event()
                await self._arrived.wait()
            note = self._waiting.pop(next(iter(self._waiting)))
            try:
                await self._publish(note)
            finally:
                note.done.set()

    async def _publish(self, note: _Note) -> None:
        running = note.running
        if running.settling or running.stop is not None:
            return
        try:
            kept = await note_progress(
                self._server, self._keys, running.delivery, note.fraction, note.message
            )
        except (RedisError, OSError) as error:
            self._metrics.role_failed("reporter")
            self._log.debug("progress_dropped", job_id=running.delivery.id, error=str(error))
            return
        if not kept and running.end(Stop.LOST):
            self._log.warning("leases_lost", handlers_ended=1, job_id=running.delivery.id)


class RunLink:
    """What a handler's `Context` uses: see `consumers.handler.Link`."""

    __slots__ = ("_lines", "_log", "_loop", "_reporter", "_running")

    def __init__(
        self, reporter: Reporter, loop: asyncio.AbstractEventLoop, running: Running, log: Logger
    ) -> None:
        self._reporter = reporter
        self._loop = loop
        self._running = running
        self._log = log
        self._lines = 0

    @property
    def cancelled(self) -> bool:
        """The run is being ended from outside."""
        return self._running.stop is not None

    async def progress(self, fraction: float, message: str) -> None:
        """Wait until it is published; a handler whose job was lost is cancelled here."""
        await self._reporter.submit(self._running, fraction, message).wait()
        await anyio.lowlevel.checkpoint()

    def report(self, fraction: float, message: str) -> None:
        """Have it published soon; from any thread."""
        with suppress(RuntimeError):  # the loop has ended, and the worker with it
            self._loop.call_soon_threadsafe(self._reporter.submit, self._running, fraction, message)

    def log(self, event: str, fields: Mapping[str, Scalar]) -> None:
        """Write it with the job's name; of `LINES_MAX` lines a run the rest is left out."""
        self._lines += 1
        job = self._running.delivery
        log = self._log.bind(job_id=job.id, kind=job.kind)
        if self._lines <= LINES_MAX:
            log.info(event, **fields)
        elif self._lines == LINES_MAX + 1:
            log.warning("handler_log_cut", lines=LINES_MAX)
