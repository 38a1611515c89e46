"""JSON objects whose names and values the payload does not know: bounded all the same."""

import math
from functools import partial
from typing import Annotated

import orjson
from pydantic import AfterValidator, Field, JsonValue, StringConstraints

#: The most names that one object has at its top.
NAMES_MAX = 64

#: The longest of these names, in characters.
NAME_LENGTH_MAX = 128

#: Objects and lists inside each other, the outermost counted.
DEPTH_MAX = 16

#: All parameters of a job as JSON.
PARAMETERS_BYTES_MAX = 16 * 1024

#: The document of a job of one's own as JSON; a whole payload may have 1 MiB.
DOCUMENT_BYTES_MAX = 512 * 1024


def _bounded(value: dict[str, JsonValue], *, bytes_max: int) -> dict[str, JsonValue]:
    _require_shallow_and_finite(value)
    try:
        length = len(orjson.dumps(value))
    except orjson.JSONEncodeError as error:
        raise ValueError(f"this cannot be sent as JSON: {error}") from error
    if length > bytes_max:
        raise ValueError(
            f"at most {bytes_max} bytes as JSON, got {length}: put the data into an object "
            "store and its key into the job"
        )
    return value


def _require_shallow_and_finite(value: JsonValue) -> None:
    waiting: list[tuple[JsonValue, int]] = [(value, 1)]
    while waiting:
        each, depth = waiting.pop()
        if isinstance(each, float) and not math.isfinite(each):
            raise ValueError(f"JSON has no {each}: leave the value out, or send null")
        if not isinstance(each, dict | list):
            continue
        if depth > DEPTH_MAX:
            raise ValueError(f"at most {DEPTH_MAX} objects and lists inside each other, got more")
        inside = each.values() if isinstance(each, dict) else each
        waiting.extend((part, depth + 1) for part in inside)


_Object = Annotated[
    dict[Annotated[str, StringConstraints(min_length=1, max_length=NAME_LENGTH_MAX)], JsonValue],
    Field(max_length=NAMES_MAX),
]

#: At most 64 names and 16 KiB as JSON, nested at most 16 deep.
Parameters = Annotated[_Object, AfterValidator(partial(_bounded, bytes_max=PARAMETERS_BYTES_MAX))]

#: At most 64 names and 512 KiB as JSON, nested at most 16 deep.
Document = Annotated[_Object, AfterValidator(partial(_bounded, bytes_max=DOCUMENT_BYTES_MAX))]
