"""Payloads are a contract: what was sent last year is accepted today.

`docs/schemas` holds what was promised: a JSON Schema of each kind, and payloads that somebody
may have sent.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from producers.payloads.base import Payload
from producers.payloads.contract import breaks, is_revised
from producers.payloads.known import KNOWN_PAYLOADS
from producers.payloads.schema import Schema, packed, schema_of, summary_of
from streams.job import require_kind
from tests.support.wire import on_the_wire

ROOT = Path(__file__).parents[3]
SCHEMAS = ROOT / "docs" / "schemas"
EXAMPLES = SCHEMAS / "examples"

#: What writes the files of the promise anew.
REGENERATE = "millstream schema --all --out docs/schemas"

#: Formats that bound a text by themselves.
BOUNDED_FORMATS = {"date-time", "uuid"}


def promised_kinds() -> list[str]:
    return sorted(file.stem for file in SCHEMAS.glob("*.json"))


def promised(kind: str) -> Schema:
    found: Schema = orjson.loads((SCHEMAS / f"{kind}.json").read_bytes())
    return found


def examples(kind: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = orjson.loads((EXAMPLES / f"{kind}.json").read_bytes())
    return found


@pytest.mark.parametrize("kind", promised_kinds())
def test_what_could_be_sent_can_be_sent(kind: str) -> None:
    model = KNOWN_PAYLOADS.get(kind)
    assert model is not None, (
        f"the kind '{kind}' is gone, and jobs of it may wait: keep its model for as long as any "
        f"can, and only then delete docs/schemas/{kind}.json"
    )
    before, after = promised(kind), schema_of(model)
    found = breaks(before, after)
    assert not found or is_revised(before, after), (
        f"{model.__name__} ({kind}) broke its contract:\n  "
        + "\n  ".join(found)
        + "\nJobs that were sent before are refused or mean something else. Take the change back, "
        f"or raise {model.__name__}.schema_version, let the model read the older version too "
        f"(the examples prove it), and write the schemas anew: {REGENERATE}"
    )


@pytest.mark.parametrize("kind", KNOWN_PAYLOADS)
def test_the_promise_is_up_to_date(kind: str) -> None:
    file = SCHEMAS / f"{kind}.json"
    assert file.is_file(), f"{file.name} is missing: {REGENERATE}"
    assert file.read_bytes() == packed(schema_of(KNOWN_PAYLOADS[kind])), (
        f"docs/schemas/{file.name} is not what its model says today: {REGENERATE}\n"
        "Workers of yesterday refuse a field that they do not know: deploy workers first, or "
        "raise schema_version"
    )


@pytest.mark.parametrize("kind", KNOWN_PAYLOADS)
def test_a_payload_of_last_year_is_accepted_and_survives_the_wire(kind: str) -> None:
    model = KNOWN_PAYLOADS[kind]
    assert examples(kind)
    for example in examples(kind):
        payload = model.model_validate_json(orjson.dumps(example))
        assert model.model_validate_json(orjson.dumps(on_the_wire(payload))) == payload


@pytest.mark.parametrize("kind", promised_kinds())
def test_the_examples_use_every_field_that_is_promised(kind: str) -> None:
    used = {name for example in examples(kind) for name in example}

    assert used == set(promised(kind)["properties"]), (
        f"add an example to docs/schemas/examples/{kind}.json; those that are there stay"
    )


def test_no_example_is_without_a_kind() -> None:
    assert {file.stem for file in EXAMPLES.iterdir()} == set(KNOWN_PAYLOADS)


def unbounded(schema: Any, where: str) -> Iterator[str]:
    """Every text, list, object and number in *schema* that may be of any size."""
    if isinstance(schema, list):
        for number, each in enumerate(schema):
            yield from unbounded(each, f"{where}[{number}]")
    elif isinstance(schema, dict):
        if missing := missing_bound(schema):
            yield f"{where}: {missing}"
        # Names have no type of their own, and defaults are values.
        for key, value in schema.items():
            if key not in {"default", "propertyNames"}:
                yield from unbounded(value, f"{where}.{key}")


def missing_bound(schema: dict[str, Any]) -> str:
    """What *schema* itself lacks."""
    said = schema.keys()
    match schema.get("type"):
        case "string" if said & {"maxLength", "enum", "const"}:
            return ""
        case "string" if schema.get("format") not in BOUNDED_FORMATS:
            return "a text without maxLength"
        case "integer" | "number" if not {"minimum", "maximum"} <= said:
            return "a number without minimum and maximum"
        case "array" if "maxItems" not in said:
            return "a list without maxItems"
        case "object" if "maxProperties" not in said and schema.get("additionalProperties", True):
            return "an object of any size"
        case _:
            return ""


@pytest.mark.parametrize("model", KNOWN_PAYLOADS.values(), ids=KNOWN_PAYLOADS)
def test_everything_has_a_bound(model: type[Payload]) -> None:
    assert list(unbounded(schema_of(model), model.kind)) == []


@pytest.mark.parametrize("model", KNOWN_PAYLOADS.values(), ids=KNOWN_PAYLOADS)
def test_a_moment_without_a_zone_is_refused(model: type[Payload]) -> None:
    """And so is any field that nobody asked for."""
    for example in examples(model.kind):
        for name, value in schema_of(model)["properties"].items():
            if "date-time" in orjson.dumps(value).decode():
                with pytest.raises(ValueError, match="timezone"):
                    model.model_validate({**example, name: "2024-01-01T00:00:00"})
        with pytest.raises(ValueError, match="Extra inputs"):
            model.model_validate({**example, "surprise": 1})


@pytest.mark.parametrize("model", KNOWN_PAYLOADS.values(), ids=KNOWN_PAYLOADS)
def test_a_kind_is_legal_and_says_in_a_line_what_it_does(model: type[Payload]) -> None:
    require_kind(model.kind)
    assert 10 < len(summary_of(model)) < 100
    assert summary_of(model)[-1] in ".;"


@pytest.mark.parametrize("model", KNOWN_PAYLOADS.values(), ids=KNOWN_PAYLOADS)
def test_a_payload_cannot_be_changed_after_it_was_checked(model: type[Payload]) -> None:
    payload = model.model_validate(examples(model.kind)[0])

    with pytest.raises(ValueError, match="frozen"):
        setattr(payload, next(iter(model.model_fields)), None)


def test_the_page_lists_every_kind_with_its_schema() -> None:
    page = (ROOT / "docs" / "wire.md").read_text()

    for kind in KNOWN_PAYLOADS:
        assert f"[`{kind}`](schemas/{kind}.json)" in page
    assert REGENERATE in page
