"""What every payload model has in common."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Payload(BaseModel):
    """The input of one kind of job: frozen, strict about names, no behaviour.

    A subclass names its `kind`. The kind is part of the wire contract: it stands in
    every entry, and a job written today is read by the workers of next year.

    A change that the workers of yesterday would misread raises `schema_version`. They then
    park such a job for a newer worker instead of failing it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: ClassVar[str]
    schema_version: ClassVar[int] = 1
