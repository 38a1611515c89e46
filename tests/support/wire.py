"""Payloads as they travel."""

from typing import Any

import orjson

from producers.order import new_job
from producers.payloads.base import Payload


def on_the_wire(payload: Payload) -> dict[str, Any]:
    """What a job with *payload* carries, as a program in another language reads it."""
    carried: dict[str, Any] = orjson.loads(new_job(payload).payload)
    return carried
