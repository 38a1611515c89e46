"""Kinds of work that hold up their whole process, and a world outside that is fenced."""

import ctypes
import os
import re
import sqlite3
import time
from pathlib import Path
from typing import ClassVar

import anyio
from pydantic import JsonValue

from consumers.handler import Context
from consumers.registry import Registry
from producers.payloads.base import Payload
from tests.consumers.support.kinds import LOOK_S, Effects

#: The C library, called without letting go of the interpreter's lock.
_LIBC = ctypes.PyDLL(None)


class Hold(Payload):
    """Holds the interpreter's lock in its first run, without a chance for any other thread."""

    kind: ClassVar[str] = "test.hold"
    ms: int


class Regex(Payload):
    """Does the same in one match of a regular expression that takes about so long."""

    kind: ClassVar[str] = "test.regex"
    seconds: float


class Timer(Payload):
    """Sleeps, and writes to a sink in the step that follows."""

    kind: ClassVar[str] = "test.timer"
    ms: int
    sink: Path


class Stuck(Payload):
    """Blocks the event loop until a file exists, and writes to a sink then."""

    kind: ClassVar[str] = "test.stuck"
    gate: Path
    sink: Path


class Sink:
    """A table outside of Redis that takes no write with a lower fence than the last one's."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.executescript(
            "PRAGMA journal_mode=WAL;"
            "CREATE TABLE IF NOT EXISTS made (job TEXT PRIMARY KEY, fence INTEGER, pid INTEGER);"
            "CREATE TABLE IF NOT EXISTS tries (job TEXT, pid INTEGER, taken INTEGER);"
        )

    def write(self, context: Context) -> bool:
        """True where the write was taken."""
        taken = self._database.execute(
            "INSERT INTO made VALUES (?, ?, ?) ON CONFLICT (job) DO UPDATE "
            "SET fence = excluded.fence, pid = excluded.pid WHERE made.fence <= excluded.fence",
            (context.job_id, context.fence, os.getpid()),
        ).rowcount
        self._database.execute(
            "INSERT INTO tries VALUES (?, ?, ?)", (context.job_id, os.getpid(), taken)
        )
        return taken == 1

    def tries(self) -> list[tuple[int, bool]]:
        """The process and the luck of each write, in their order."""
        rows = self._database.execute("SELECT pid, taken FROM tries ORDER BY rowid")
        return [(pid, bool(taken)) for pid, taken in rows]

    def writers(self) -> list[int]:
        """Whose writes stand."""
        return [pid for (pid,) in self._database.execute("SELECT pid FROM made")]

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()


class HoldingHandlers:
    """What each kind does."""

    def __init__(self, effects: Effects) -> None:
        self._effects = effects

    async def hold(self, payload: Hold, context: Context) -> JsonValue:
        """Sleep with the lock held."""
        await anyio.lowlevel.checkpoint()
        self._effects.add(context, "start")
        if self._effects.jobs("start").count(context.job_id) == 1:
            _LIBC.usleep(payload.ms * 1000)
        self._effects.add(context, "end")
        return None

    async def regex(self, payload: Regex, context: Context) -> JsonValue:
        """Match for so long."""
        await anyio.lowlevel.checkpoint()
        self._effects.add(context, "start")
        seconds = _match_for(payload.seconds)
        self._effects.add(context, "end")
        return seconds

    async def timer(self, payload: Timer, context: Context) -> JsonValue:
        """Write as soon as the time is over."""
        self._effects.add(context, "start")
        await anyio.sleep(payload.ms / 1000)
        return _written(payload.sink, context)

    async def stuck(self, payload: Stuck, context: Context) -> JsonValue:
        """Write as soon as the gate is open, and look at nothing else before."""
        await anyio.lowlevel.checkpoint()
        self._effects.add(context, "start")
        while not payload.gate.exists():
            time.sleep(LOOK_S)  # noqa: ASYNC251 - the very mistake that is tested
        return _written(payload.sink, context)


def add_holding_kinds(registry: Registry, effects: Effects) -> None:
    """All kinds of this file."""
    handlers = HoldingHandlers(effects)
    registry.add(Hold, handlers.hold)
    registry.add(Regex, handlers.regex)
    registry.add(Timer, handlers.timer)
    registry.add(Stuck, handlers.stuck)


def _written(path: Path, context: Context) -> bool:
    sink = Sink(path)
    try:
        return sink.write(context)
    finally:
        sink.close()


def _match_for(seconds: float) -> float:
    """One match that backtracks in the fourth power of its text's length; how long it took."""
    pattern = re.compile("a*a*a*a*b")
    letters, took_s = 60, 0.0
    while took_s < 0.2:
        letters = round(letters * 1.3)
        begin_s = time.perf_counter()
        pattern.match("a" * letters)
        took_s = time.perf_counter() - begin_s
    letters = round(letters * (seconds / took_s) ** 0.25)
    begin_s = time.perf_counter()
    pattern.match("a" * letters)
    return time.perf_counter() - begin_s
