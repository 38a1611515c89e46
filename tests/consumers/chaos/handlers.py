"""Handlers of a user of the kit, who knows nothing of it."""

from typing import ClassVar

import anyio
from pydantic import JsonValue

from consumers.handler import Context
from consumers.registry import Registry
from producers.payloads.base import Payload


class Thumbnail(Payload):
    """Takes a while."""

    kind: ClassVar[str] = "mine.thumbnail"
    ms: int


async def draw(payload: Thumbnail, context: Context) -> JsonValue:
    """Pretend."""
    await anyio.sleep(payload.ms / 1000)
    return context.job_id


def open_registry() -> Registry:
    """What `--handler` names."""
    registry = Registry()
    registry.add(Thumbnail, draw)
    return registry
