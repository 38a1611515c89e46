"""Jobs of an application's own: the input of `custom.run`."""

from typing import ClassVar

from pydantic import Field

from producers.payloads.base import Payload
from producers.payloads.fields.freeform import Document
from producers.payloads.fields.name import Name


class Custom(Payload):
    """Run what the worker knows as *job_name*, on a *payload* that only it understands.

    *payload* is a JSON object of at most 64 names and 512 KiB. Where the input is known, a
    model and a kind of its own say more, and are checked before the job is sent.
    """

    kind: ClassVar[str] = "custom.run"

    job_name: Name
    payload: Document = Field(default={})
