"""Upkeep: the input of `maintenance.run`."""

from typing import ClassVar, Literal

from pydantic import Field

from producers.payloads.base import Payload
from producers.payloads.fields.freeform import Parameters


class Maintenance(Payload):
    """Run one duty of upkeep, from a schedule or by hand; running it twice does no harm.

    *parameters* are the duty's own: at most 64 names, and 16 KiB as JSON.
    """

    kind: ClassVar[str] = "maintenance.run"

    task_type: Literal["cache_cleanup", "health_check", "log_rotation"]
    parameters: Parameters = Field(default={})
