"""Free JSON is bounded in every direction."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue, TypeAdapter, ValidationError

from producers.payloads.fields.freeform import (
    DEPTH_MAX,
    NAME_LENGTH_MAX,
    NAMES_MAX,
    PARAMETERS_BYTES_MAX,
    Document,
    Parameters,
)

PARAMETERS: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(Parameters)
DOCUMENT: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(Document)

ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=8)
    | st.text(st.characters(categories=["Cs"]), max_size=2),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=12,
)


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth - 1):
        value = {"a": value}
    return value


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=8), ANY_JSON, max_size=6))
def test_what_is_accepted_arrives_as_it_was_sent(value: dict[str, Any]) -> None:
    try:
        accepted = PARAMETERS.validate_python(value)
    except ValidationError:
        return
    packed = PARAMETERS.dump_json(accepted)
    assert orjson.loads(packed) == value
    assert PARAMETERS.validate_json(packed) == value


def test_the_limits_themselves_are_legal() -> None:
    PARAMETERS.validate_python(nested(DEPTH_MAX))
    PARAMETERS.validate_python({"n" * NAME_LENGTH_MAX: 1})
    PARAMETERS.validate_python({str(number): number for number in range(NAMES_MAX)})
    PARAMETERS.validate_python({"a": "x" * (PARAMETERS_BYTES_MAX - len('{"a":""}'))})
    DOCUMENT.validate_python({"a": "x" * PARAMETERS_BYTES_MAX})


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (nested(DEPTH_MAX + 1), "at most 16 objects and lists"),
        ({"n" * (NAME_LENGTH_MAX + 1): 1}, "at most 128 characters"),
        ({"": 1}, "at least 1 character"),
        ({str(number): number for number in range(NAMES_MAX + 1)}, "at most 64 items"),
        ({"a": "x" * PARAMETERS_BYTES_MAX}, "at most 16384 bytes as JSON, got 16392"),
        ({"a": [float("nan")]}, "JSON has no nan"),
        ({"a": 2**64}, "cannot be sent as JSON"),
        ({"a": "\ud800"}, "cannot be sent as JSON"),
        ({"a": {1, 2}}, "a"),
    ],
)
def test_beyond_a_limit_it_is_refused_and_the_limit_is_named(value: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        PARAMETERS.validate_python(value)


def test_a_number_that_json_does_not_have_is_refused_on_the_wire_too() -> None:
    with pytest.raises(ValidationError, match="JSON has no inf"):
        PARAMETERS.validate_json('{"a":{"b":Infinity}}')
