"""The kit's own jobs: quick, slow, failing, effectful, hungry for time, and poisonous."""

import hashlib
import os
import signal
from datetime import timedelta
from pathlib import Path
from typing import ClassVar, Literal

import anyio
from pydantic import JsonValue

from consumers.chaos.journal import Journal
from consumers.chaos.sink import Sink
from consumers.handler import Context
from consumers.registry import Registry
from producers.payloads.base import Payload

#: One attempt of any of these takes less, a frozen worker left aside.
TIMEOUT = timedelta(seconds=30)
#: Hashes of one piece of work that holds the interpreter's lock for about a millisecond.
ROUNDS = 1_000


class Quick(Payload):
    """Comes back at once."""

    kind: ClassVar[str] = "chaos.quick"


class Slow(Payload):
    """Takes its time, up to several leases."""

    kind: ClassVar[str] = "chaos.slow"
    ms: int


class Flaky(Payload):
    """Fails in its first attempts and then succeeds."""

    kind: ClassVar[str] = "chaos.flaky"
    failures: int


class Hopeless(Payload):
    """Fails in every attempt."""

    kind: ClassVar[str] = "chaos.hopeless"


class Effect(Payload):
    """Works for a while and then changes something outside Redis."""

    kind: ClassVar[str] = "chaos.effect"
    ms: int


class Busy(Payload):
    """Computes."""

    kind: ClassVar[str] = "chaos.busy"
    ms: int


class Poison(Payload):
    """Kills the process that runs it, every time."""

    kind: ClassVar[str] = "chaos.poison"
    how: Literal["segv", "exit"]


class NoLuckError(Exception):
    """What the failing kinds raise."""


class _Handlers:
    """What the kinds do."""

    def __init__(self, sink: Sink, journal: Journal) -> None:
        self._sink = sink
        self._journal = journal

    async def quick(self, _payload: Quick, context: Context) -> JsonValue:
        await anyio.lowlevel.checkpoint()
        return context.attempt

    async def slow(self, payload: Slow, context: Context) -> JsonValue:
        await anyio.sleep(payload.ms / 1000)
        return context.attempt

    async def flaky(self, payload: Flaky, context: Context) -> JsonValue:
        await anyio.lowlevel.checkpoint()
        if context.attempt <= payload.failures:
            raise NoLuckError(f"attempt {context.attempt} of {payload.failures} that fail")
        return context.attempt

    async def hopeless(self, _payload: Hopeless, context: Context) -> JsonValue:
        await anyio.lowlevel.checkpoint()
        raise NoLuckError(f"attempt {context.attempt} fails like every other")

    async def effect(self, payload: Effect, context: Context) -> JsonValue:
        await anyio.sleep(payload.ms / 1000)
        accepted = await self._sink.apply(context.job_id, context.fence)
        self._journal.write(
            "effect", {"job": context.job_id, "fence": context.fence, "accepted": accepted}
        )
        return accepted

    def busy(self, payload: Busy, context: Context) -> JsonValue:
        digest = context.job_id.encode()
        for _ in range(payload.ms):
            digest = hashlib.pbkdf2_hmac("sha256", digest, b"chaos", ROUNDS)
        return digest.hex()

    async def poison(self, payload: Poison, context: Context) -> JsonValue:
        await anyio.lowlevel.checkpoint()
        if payload.how == "segv":
            os.kill(os.getpid(), signal.SIGSEGV)
        os._exit(context.attempt)


def add_kinds(registry: Registry, directory: Path, journal: Journal) -> None:
    """Bind the kit's kinds, with their effects below *directory*."""
    handlers = _Handlers(Sink(directory), journal)
    registry.add(Quick, handlers.quick, timeout=TIMEOUT)
    registry.add(Slow, handlers.slow, timeout=TIMEOUT)
    registry.add(Flaky, handlers.flaky, timeout=TIMEOUT)
    registry.add(Hopeless, handlers.hopeless, timeout=TIMEOUT)
    registry.add(Effect, handlers.effect, timeout=TIMEOUT)
    registry.add(Busy, handlers.busy, timeout=TIMEOUT, runs="child")
    registry.add(Poison, handlers.poison, timeout=TIMEOUT)
