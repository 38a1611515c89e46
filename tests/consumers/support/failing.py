"""Kinds that fail as the world does: for as long as something is not there."""

from datetime import timedelta
from pathlib import Path
from typing import ClassVar

from pydantic import JsonValue

from consumers.errors import Snooze
from consumers.handler import Context
from consumers.registry import Registry
from producers.payloads.base import Payload
from tests.consumers.support.kinds import Effects


class Needing(Payload):
    """Fails while a file does not exist."""

    kind: ClassVar[str] = "test.needing"
    path: Path


class Early(Payload):
    """Puts itself off in its first runs."""

    kind: ClassVar[str] = "test.early"
    times: int
    ms: int = 10


def add_failing_kinds(registry: Registry, effects: Effects) -> None:
    """Bind the kinds of this file, with their effects in *effects*."""
    put_off: dict[str, int] = {}

    async def needing(payload: Needing, context: Context) -> JsonValue:
        if not payload.path.exists():
            effects.add(context, "needed")
            raise ConnectionError("the database is down")
        return {"attempt": context.attempt}

    async def early(payload: Early, context: Context) -> JsonValue:
        put_off[context.job_id] = put_off.get(context.job_id, 0) + 1
        if put_off[context.job_id] <= payload.times:
            raise Snooze(timedelta(milliseconds=payload.ms), "the run is not there yet")
        return {"attempt": context.attempt}

    registry.add(Needing, needing)
    registry.add(Early, early)
