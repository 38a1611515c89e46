"""Kinds that kill, hang, hog or flood the process that runs them."""

import ctypes
import os
import re
import resource
import signal
import stat
import subprocess
import sys
import threading
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import ClassVar, Literal

import anyio
from pydantic import JsonValue

from consumers.errors import PermanentError, RetryableError
from consumers.handler import Context
from consumers.registry import Registry, Runs
from producers.payloads.base import Payload
from tests.consumers.support.kinds import LOOK_S, Effects

#: A child process finds its file of effects here.
EFFECTS_VARIABLE = "MILLSTREAM_TEST_EFFECTS"
#: What `open_registry` is called by those who start children.
FACTORY = "tests.consumers.support.dangers:open_registry"

Deed = Literal[
    "return",
    "segfault",
    "exit",
    "leave",
    "hog",
    "hang",
    "block",
    "flood",
    "large",
    "raise",
    "permanent",
    "later",
    "refuse",
    "progress",
    "spawn",
    "obey",
    "limits",
    "babble",
    "log",
]


class Danger(Payload):
    """Does what it is told in a child process."""

    kind: ClassVar[str] = "danger.child"
    deed: Deed = "return"
    text: str = ""


class Plain(Danger):
    """The same, by a `def` in a thread of the worker."""

    kind: ClassVar[str] = "danger.thread"


class PlainChild(Danger):
    """The same, by a `def` in a child process."""

    kind: ClassVar[str] = "danger.plain-child"


class Loop(Danger):
    """The same, by an `async def` in the worker's own loop."""

    kind: ClassVar[str] = "danger.loop"


class Newer(Payload):
    """A payload that was changed once."""

    kind: ClassVar[str] = "danger.newer"
    schema_version: ClassVar[int] = 2


class Deeds:
    """The handlers; each start and end is an effect."""

    def __init__(self, effects: Effects) -> None:
        self._effects = effects

    async def loop(self, payload: Danger, context: Context) -> JsonValue:
        """For the loop, of a worker or of a child."""
        self._effects.add(context, "start")
        if payload.deed == "hang":
            await anyio.sleep_forever()
        if payload.deed == "progress":
            await context.progress(0.5, "half")
            while payload.text and not Path(payload.text).exists():  # noqa: ASYNC110, ASYNC240 - a gate
                await anyio.sleep(LOOK_S)
        value = self._do(payload, context)
        self._effects.add(context, "end")
        return value

    def plain(self, payload: Danger, context: Context) -> JsonValue:
        """For a thread, of a worker or of a child."""
        self._effects.add(context, "start")
        if payload.deed == "progress":
            context.report(0.5, "half")
            while payload.text and not Path(payload.text).exists():
                time.sleep(LOOK_S)
        value = self._do(payload, context)
        self._effects.add(context, "end")
        return value

    async def newer(self, _payload: Newer, context: Context) -> JsonValue:
        """Come back at once."""
        self._effects.add(context, "end")
        await anyio.lowlevel.checkpoint()
        return None

    def _do(self, payload: Danger, context: Context) -> JsonValue:  # noqa: C901, PLR0912 - a deed a line
        match payload.deed:
            case "segfault":
                ctypes.string_at(0)
            case "exit":
                os._exit(3)
            case "leave":
                sys.exit(4)
            case "hog":
                hoard: list[bytes] = []
                while True:
                    hoard.append(bytes(16 * 1024 * 1024))
            case "hang":
                while True:
                    time.sleep(0.01)
            case "block":
                # Holds the interpreter's lock until the end of time.
                re.match(r"(a|a)*$", "a" * 100 + "b")
            case "flood":
                sys.stdout.write("x" * 200 + "\n" + "y" * 100_000)
                for _ in range(20_000):
                    sys.stdout.write("a line of no use\n")
            case "large":
                return "x" * (2 * 1024 * 1024)
            case "raise":
                raise ValueError("no luck with redis://user:canary@host")
            case "log":
                for number in range(int(payload.text)):
                    context.log("said", {"number": number, "level": "canary", "place": Path("/a")})
            case "permanent":
                raise PermanentError("never")
            case "later":
                raise RetryableError("busy", retry_after=timedelta(minutes=1))
            case "refuse":
                # Neither a cancellation nor a signal that can be ignored ends it.
                signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
                while True:
                    time.sleep(0.01)
            case "spawn":
                sleeper = subprocess.Popen(["sleep", "600"])
                Path(payload.text).write_text(str(sleeper.pid))
                os._exit(5)
            case "obey":
                while True:
                    context.check()
                    time.sleep(0.01)
            case "limits":
                return _limits()
            case "babble":
                _babble()
            case _:
                pass
        return {
            "text": payload.text,
            "pid": os.getpid(),
            "thread": threading.current_thread().name,
            "remaining_s": context.remaining.total_seconds(),
        }


def _limits() -> JsonValue:
    return {
        "memory": resource.getrlimit(resource.RLIMIT_AS)[0],
        "core": resource.getrlimit(resource.RLIMIT_CORE)[0],
        "group": os.getpgid(0) == os.getpid(),
    }


def _babble() -> None:
    """Say nonsense over every socket that this process has open, and wait."""
    for number in range(3, 64):
        with suppress(OSError):
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                os.write(number, b"\xff" * 64)
    time.sleep(600)


def open_registry() -> Registry:
    """All kinds of this file."""
    deeds = Deeds(Effects(Path(os.environ[EFFECTS_VARIABLE])))
    registry = Registry()
    registry.add(Danger, deeds.loop, runs=Runs.CHILD)
    registry.add(PlainChild, deeds.plain, runs=Runs.CHILD)
    registry.add(Plain, deeds.plain)
    registry.add(Loop, deeds.loop)
    registry.add(Newer, deeds.newer)
    return registry


def open_broken() -> Registry:
    """A factory that fails."""
    raise RuntimeError("no such luck")


def open_nothing() -> None:
    """A factory that forgets to return."""
