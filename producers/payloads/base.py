"""What every payload model has in common."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

#: For models whose names are camelCase on the wire and snake_case in Python. They are written
#: as on the wire, and read in both spellings, so that Python code need not know the first.
CAMEL_CASE = ConfigDict(
    alias_generator=to_camel,
    serialize_by_alias=True,
    validate_by_alias=True,
    validate_by_name=True,
)


class Part(BaseModel):
    """A piece of a payload: frozen, strict about names, no behaviour."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Payload(Part):
    """The input of one kind of job: frozen, strict about names, no behaviour.

    A subclass names its `kind`. The kind is part of the wire contract: it stands in
    every entry, and a job written today is read by the workers of next year.

    A change that the workers of yesterday would misread raises `schema_version`. They then
    park such a job for a newer worker instead of failing it.
    """

    kind: ClassVar[str]
    schema_version: ClassVar[int] = 1
