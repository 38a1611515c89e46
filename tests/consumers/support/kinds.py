"""Kinds of work that do what a test needs: fail, wait, block, refuse to stop.

Each run leaves lines in a file of effects, which stands for the world outside Redis: what
ran, how often, and in which process.
"""

import asyncio
import os
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import ClassVar, Literal, get_args

import anyio
import orjson
from pydantic import JsonValue

from consumers.errors import PermanentError
from consumers.handler import Context
from consumers.registry import Registry
from producers.payloads.base import Payload

#: Between two looks at a gate.
LOOK_S = 0.005


class Note(Payload):
    """Comes back at once with its text."""

    kind: ClassVar[str] = "test.note"
    text: str = ""


class Sleep(Payload):
    """Takes its time."""

    kind: ClassVar[str] = "test.sleep"
    ms: int


class Gate(Payload):
    """Waits until a file exists, on its first attempt or on each."""

    kind: ClassVar[str] = "test.gate"
    path: Path
    then: Literal["return", "fail"] = "return"


class Failing(Payload):
    """Fails in its first runs, over all attempts and replays."""

    kind: ClassVar[str] = "test.failing"
    times: int
    message: str = "no luck"
    permanently: bool = False


class Stubborn(Payload):
    """Goes on when it is cancelled, until a file exists."""

    kind: ClassVar[str] = "test.stubborn"
    path: Path


class Blocking(Payload):
    """Blocks the event loop until a file exists."""

    kind: ClassVar[str] = "test.blocking"
    path: Path


Way = Literal["sys.exit", "cancelled", "unprintable", "surrogate"]


class Leaving(Payload):
    """Does what would end a careless worker, or its task."""

    kind: ClassVar[str] = "test.leaving"
    WAYS: ClassVar[tuple[Way, ...]] = get_args(Way)
    how: Way


class UnprintableError(Exception):
    """Cannot say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("nor can it say why")


class Effects:
    """The file of effects: a line a step, appended by any number of processes."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, context: Context, step: str) -> None:
        """Write down that a run has come to *step*."""
        line = orjson.dumps(
            {
                "job": context.job_id,
                "step": step,
                "attempt": context.attempt,
                "fence": context.fence,
                "pid": os.getpid(),
            },
            option=orjson.OPT_APPEND_NEWLINE,
        )
        # One write to a file that was opened for appending is one line, whole.
        file = os.open(self.path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        try:
            os.write(file, line)
        finally:
            os.close(file)

    def rows(self, step: str = "") -> list[dict[str, JsonValue]]:
        """What was written, or only what was written about *step*."""
        if not self.path.exists():
            return []
        rows = [orjson.loads(line) for line in self.path.read_bytes().splitlines()]
        return [row for row in rows if step in {"", row["step"]}]

    def fences(self) -> list[int]:
        """The fence of each run, in the order of their starts."""
        return [int(str(row["fence"])) for row in self.rows("start")]

    def jobs(self, step: str) -> list[str]:
        """The jobs that have come to *step*, once for each time, in this order."""
        return [str(row["job"]) for row in self.rows(step)]


class Handlers:
    """What each kind does."""

    def __init__(self, effects: Effects) -> None:
        self._effects = effects

    async def note(self, payload: Note, context: Context) -> JsonValue:
        """Return at once."""
        self._effects.add(context, "start")
        await anyio.lowlevel.checkpoint()
        return self._end(context, {"text": payload.text, "meta": dict(context.meta)})

    async def sleep(self, payload: Sleep, context: Context) -> JsonValue:
        """Return after a while."""
        self._effects.add(context, "start")
        await anyio.sleep(payload.ms / 1000)
        return self._end(context)

    async def gate(self, payload: Gate, context: Context) -> JsonValue:
        """Return, or fail, when the gate opens."""
        self._effects.add(context, "start")
        while not payload.path.exists():  # noqa: ASYNC110 - another process opens it
            await anyio.sleep(LOOK_S)
        if payload.then == "fail":
            raise RuntimeError("the gate was a trap")
        return self._end(context)

    async def failing(self, payload: Failing, context: Context) -> JsonValue:
        """Fail so many times."""
        self._effects.add(context, "start")
        await anyio.lowlevel.checkpoint()
        if self._effects.jobs("start").count(context.job_id) <= payload.times:
            failure = PermanentError if payload.permanently else ValueError
            raise failure(payload.message)
        return self._end(context)

    async def stubborn(self, payload: Stubborn, context: Context) -> JsonValue:
        """Ignore cancellation until the gate opens."""
        self._effects.add(context, "start")
        while not payload.path.exists():
            try:
                await anyio.sleep(LOOK_S)
            except anyio.get_cancelled_exc_class():  # the very mistake that is tested
                time.sleep(LOOK_S)  # noqa: ASYNC251 - or it would spin
        return self._end(context)

    async def blocking(self, payload: Blocking, context: Context) -> JsonValue:
        """Block the event loop until the gate opens."""
        await anyio.lowlevel.checkpoint()
        self._effects.add(context, "start")
        while not payload.path.exists():
            time.sleep(LOOK_S)  # noqa: ASYNC251 - the very mistake that is tested
        return self._end(context)

    async def leaving(self, payload: Leaving, context: Context) -> JsonValue:
        """Leave in the way that is asked for."""
        self._effects.add(context, "start")
        await anyio.lowlevel.checkpoint()
        if payload.how == "sys.exit":
            sys.exit(3)
        if payload.how == "cancelled":
            raise asyncio.CancelledError
        if payload.how == "unprintable":
            raise UnprintableError
        raise FileNotFoundError(os.fsdecode(b"no such file: \xff\xfe"))

    def _end(self, context: Context, result: JsonValue = None) -> JsonValue:
        self._effects.add(context, "end")
        return result or {"attempt": context.attempt}


def open_registry(effects: Effects) -> Registry:
    """All kinds of this file, with their effects in *effects*."""
    handlers = Handlers(effects)
    registry = Registry()
    registry.add(Note, handlers.note)
    registry.add(Sleep, handlers.sleep)
    registry.add(Gate, handlers.gate)
    registry.add(Failing, handlers.failing)
    registry.add(Stubborn, handlers.stubborn, timeout=timedelta(hours=1))
    registry.add(Blocking, handlers.blocking)
    registry.add(Leaving, handlers.leaving)
    return registry
