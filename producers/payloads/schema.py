"""The JSON Schema of a payload: what a program in another language may send."""

from collections.abc import Mapping
from typing import Any

import orjson
from pydantic.json_schema import GenerateJsonSchema

from producers.payloads.base import Payload

#: The dialect in which the schemas are written.
DIALECT = "https://json-schema.org/draft/2020-12/schema"

#: Where a schema names the kind that it belongs to, and the revision of it.
KIND = "x-kind"
VERSION = "x-schema-version"

Schema = Mapping[str, Any]


class _Untitled(GenerateJsonSchema):
    """Without a title at every field, which only repeats its name."""

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002 - overridden
        return False


def schema_of(model: type[Payload]) -> Schema:
    """What *model* accepts, in the names of the wire.

    A model may refuse more than its schema can say: an area without extent, two sources of one
    document. Its docstring, which is the description here, tells of that.
    """
    generated = model.model_json_schema(schema_generator=_Untitled)
    return {"$schema": DIALECT, KIND: model.kind, VERSION: model.schema_version, **generated}


def packed(schema: Schema) -> bytes:
    """*schema* as a file holds it: indented, in the order of the fields, with a line end."""
    return orjson.dumps(schema, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def summary_of(model: type[Payload]) -> str:
    """The first line of what *model* says of itself."""
    return (model.__doc__ or "").strip().partition("\n")[0]
