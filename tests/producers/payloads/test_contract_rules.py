"""The comparison of two schemas sees every break, and only breaks."""

from enum import Enum
from types import GenericAlias
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field, JsonValue, StringConstraints, TypeAdapter, ValidationError, create_model

from producers.payloads.base import Part, Payload
from producers.payloads.contract import breaks, is_revised
from producers.payloads.known import KNOWN_PAYLOADS
from producers.payloads.schema import Schema, schema_of


class Inner(Part):
    """A piece of a payload."""

    width: Annotated[int, Field(ge=1, le=100)] = 10


class Wider(Part):
    """`Inner` with more room and a field more."""

    width: Annotated[int, Field(ge=1, le=200)] = 10
    height: Annotated[int, Field(ge=1, le=200)] = 10


class Open(Part):
    """A piece without bounds."""

    width: int = 10


class Taller(Inner):
    """`Inner` with a field more."""

    height: int = 10


class Narrower(Part):
    """`Inner` with less room."""

    width: Annotated[int, Field(ge=1, le=99)] = 10


class Colour(Enum):
    """Pydantic writes an enumeration of one as a constant."""

    RED = "red"


class Node(Part):
    """It refers to itself, so that the comparison must end by itself."""

    value: Annotated[int, Field(le=9)]
    next: "Node | None" = None


def model(
    fields: dict[str, Any], *, kind: str = "test.job", schema_version: int = 1
) -> type[Payload]:
    """A payload with *fields*: a type where it is required, else a type and its default."""
    made: Any = create_model("Job", __base__=Payload, **fields)
    made.kind = kind
    made.schema_version = schema_version
    return made


def schema(*annotations: Any, **fields: Any) -> Schema:
    """The schema of a payload whose field `a` has these *annotations*, or of several fields."""
    assert bool(annotations) != bool(fields)
    chosen = {"a": annotations if len(annotations) > 1 else annotations[0]} if annotations else {}
    return schema_of(model({**chosen, **fields}))


def text(**bounds: Any) -> Any:
    return Annotated[str, StringConstraints(**bounds)]


def number(**bounds: Any) -> Any:
    return Annotated[int, Field(**bounds)]


def of(container: type, *parts: Any) -> Any:
    """`container[parts]`, of parts that are made at run time."""
    return GenericAlias(container, parts)


#: What only adds: the old field, the new one.
WIDENED: list[tuple[Schema, Schema]] = [
    (schema(int), schema(int, 3)),
    (schema(int), schema(int | None, None)),
    (schema(int), schema(float)),
    (schema(int, 3), schema(float, 3)),
    (schema(int), schema(int | str)),
    (schema(int | str), schema(str | int | None)),
    (schema(int), schema(Any)),
    (schema(number(ge=1, le=5)), schema(number(ge=0, le=6))),
    (schema(number(gt=1)), schema(number(ge=1))),
    (schema(number(ge=1)), schema(number(gt=0))),
    (schema(number(ge=1)), schema(int)),
    (schema(text(min_length=2, max_length=5)), schema(text(min_length=1, max_length=6))),
    (schema(text(pattern="^a$")), schema(str)),
    (schema(Literal["a", "b"]), schema(Literal["a", "b", "c"])),
    (schema(Literal["a"]), schema(str)),
    (schema(Literal["a", "bb"]), schema(text(pattern="^[a-z]+$", max_length=2))),
    (schema(Literal["red"]), schema(Colour)),
    (schema(tuple[int, ...]), schema(tuple[float, ...])),
    (
        schema(Annotated[tuple[int, ...], Field(max_length=2)]),
        schema(Annotated[tuple[int, ...], Field(max_length=3)]),
    ),
    (schema(Inner), schema(Wider)),
    (schema(Inner, Inner()), schema(Wider, Wider())),
    (schema(Inner | None, None), schema(Wider | None, None)),
    (schema(dict[str, int]), schema(dict[str, JsonValue])),
    (schema(of(dict, text(max_length=3), int)), schema(of(dict, text(max_length=4), int))),
    (schema(a=int), schema(a=int, b=(int, 1))),
    (schema(a=int), schema(a=int, b=(int | None, None))),
]

#: What breaks: the old field, the new one, and what is said.
BROKEN: list[tuple[Schema, Schema, str]] = [
    (schema(a=int, b=int), schema(a=int), "b: was removed"),
    (schema(a=int, b=(int, 1)), schema(a=int), "b: was removed"),
    (schema(a=int), schema(a=int, b=int), "b: was unknown and is required"),
    (schema(int, 1), schema(int), "a: was optional and is required"),
    (schema(int, 1), schema(int, 2), "a: its default was 1 and is 2"),
    (schema(int | None, None), schema(int | None, 1), "a: its default was null and is 1"),
    (schema(bool, True), schema(bool, False), "a: its default was true and is false"),
    (schema(Inner, Inner()), schema(Inner, Inner(width=11)), 'a: its default was {"width":10}'),
    (schema(int), schema(str), "a: was integer and is string"),
    (schema(float), schema(int), "a: was number and is integer"),
    (schema(Any), schema(int), "a: was anything and is integer"),
    (schema(int | None, None), schema(int, None), "a: was null and is integer"),
    (schema(int | str), schema(int), "a: was string and is integer"),
    (schema(int), schema(number(le=5)), "a: is bounded by maximum 5 and was by nothing"),
    (schema(number(le=5)), schema(number(le=4)), "a: is bounded by maximum 4"),
    (schema(number(ge=1)), schema(number(ge=2)), "minimum 2 and was by minimum 1"),
    (schema(number(ge=1)), schema(number(gt=1)), "exclusiveMinimum 1 and was by minimum 1"),
    (schema(number(lt=5)), schema(number(lt=4)), "exclusiveMaximum 4"),
    (schema(int), schema(number(multiple_of=2)), "multipleOf 2"),
    (schema(text(max_length=5)), schema(text(max_length=4)), "maxLength 4"),
    (schema(str), schema(text(min_length=1)), "minLength 1"),
    (schema(str), schema(text(pattern="^a")), "pattern '^a' and was by nothing"),
    (schema(text(pattern="^a")), schema(text(pattern="^b")), "pattern '^b' and was by pattern"),
    (schema(Literal["a", "b"]), schema(Literal["a"]), 'a: no longer takes "b"'),
    (schema(Literal["a", "bb"]), schema(text(max_length=1)), 'a: no longer takes "bb"'),
    (schema(Literal["a", "b"]), schema(text(pattern="a")), 'a: no longer takes "b"'),
    (schema(Literal[1, 7]), schema(number(le=5)), "a: no longer takes 7"),
    (schema(str), schema(Literal["a"]), 'a: was open and takes only "a"'),
    (
        schema(Annotated[tuple[int, ...], Field(max_length=3)]),
        schema(Annotated[tuple[int, ...], Field(max_length=2)]),
        "maxItems 2",
    ),
    (schema(tuple[int, ...]), schema(of(tuple, number(le=5), ...)), "a[]: is bounded by maximum 5"),
    (schema(tuple[int, ...]), schema(frozenset[int]), "uniqueItems True"),
    (schema(Inner), schema(Narrower), "a.width: is bounded by maximum 99"),
    (schema(Inner | None, None), schema(Narrower | None, None), "a.width: is bounded by"),
    (schema(Taller), schema(Inner), "a.height: was removed"),
    (schema(dict[str, JsonValue]), schema(dict[str, int]), "a.*: was anything and is integer"),
    (schema(dict[str, int]), schema(Open), "a: names beyond the listed were accepted"),
    (
        schema(of(dict, text(max_length=3), int)),
        schema(of(dict, text(max_length=2), int)),
        "maxLength 2",
    ),
    (schema(dict[str, int]), schema(of(dict, text(max_length=9), int)), "a: its names: is bounded"),
    (
        schema(dict[str, int]),
        schema(Annotated[dict[str, int], Field(max_length=2)]),
        "maxProperties 2",
    ),
]


@pytest.mark.parametrize(("old", "new"), WIDENED)
def test_what_only_adds_is_no_break(old: Schema, new: Schema) -> None:
    assert breaks(old, new) == []


@pytest.mark.parametrize(("old", "new"), WIDENED)
def test_taking_back_what_was_added_is_a_break(old: Schema, new: Schema) -> None:
    assert breaks(new, old) != [] or breaks(old, new) == breaks(new, old) == []


@pytest.mark.parametrize(("old", "new", "words"), BROKEN)
def test_a_break_is_told_with_its_place(old: Schema, new: Schema, words: str) -> None:
    [told] = breaks(old, new)
    assert words in told


def test_several_breaks_are_all_told() -> None:
    old, new = schema(a=int, b=int, c=int), schema(a=str, c=number(le=5), d=int)

    assert [told.partition(":")[0] for told in breaks(old, new)] == ["a", "b", "c", "d"]


def test_another_kind_is_a_break() -> None:
    old, new = model({"a": int}, kind="one"), model({"a": int}, kind="two")

    assert breaks(schema_of(old), schema_of(new)) == ["the kind was 'one' and is 'two'"]


def test_a_type_that_refers_to_itself_is_compared_to_its_end() -> None:
    narrower: Any = create_model("Narrower", __base__=Node, value=(number(le=8), ...))

    assert breaks(schema(Node), schema(Node)) == []
    assert len(breaks(schema(Node), schema(narrower))) == 1


def test_a_keyword_that_is_not_understood_must_stay_as_it_was() -> None:
    old = {"type": "object", "contains": {"const": 1}}

    assert breaks(old, dict(old)) == []
    assert breaks(old, {"type": "object"}) == []
    assert breaks(old, {**old, "contains": {"const": 2}}) != []
    assert breaks({"type": "object"}, old) != []


def test_words_for_people_may_change() -> None:
    old = schema(int)

    assert breaks(old, {**old, "title": "x", "description": "y", "examples": []}) == []


def test_only_a_higher_version_is_a_revision() -> None:
    first, second = (schema_of(model({"a": int}, schema_version=each)) for each in (1, 2))

    assert is_revised(first, second)
    assert not is_revised(first, first)
    assert not is_revised(second, first)


@pytest.mark.parametrize("known", KNOWN_PAYLOADS.values(), ids=KNOWN_PAYLOADS)
def test_a_payload_that_did_not_change_has_no_break(known: type[Payload]) -> None:
    assert breaks(schema_of(known), schema_of(known)) == []


SMALL = st.integers(-2, 4)
LENGTHS = st.integers(0, 4)


def bounded_numbers(low: int, high: int, *, open_: bool) -> Any:
    return Annotated[int, Field(gt=low, lt=high) if open_ else Field(ge=low, le=high)]


PLAIN_TYPES: st.SearchStrategy[Any] = st.one_of(
    st.builds(bounded_numbers, SMALL, SMALL, open_=st.booleans()),
    st.builds(lambda low, high: text(min_length=low, max_length=high), LENGTHS, LENGTHS),
    st.builds(lambda letter: text(pattern=f"^[{letter}]*$"), st.sampled_from(["a", "ab", "b"])),
    st.sets(st.sampled_from(["", "a", "b", "ab", 1, 2]), min_size=1).map(
        lambda values: Literal[tuple(sorted(values, key=str))]
    ),
    st.sampled_from([int, str, float, bool, type(None), Any]),
)
TYPES = st.recursive(
    PLAIN_TYPES,
    lambda inner: st.one_of(
        st.builds(lambda left, right: left | right, inner, st.sampled_from([int, str, None])),
        st.builds(
            lambda item, most: Annotated[of(list, item), Field(max_length=most)], inner, LENGTHS
        ),
        st.builds(lambda item: of(dict, str, item), inner),
        st.builds(lambda item: create_model("Nested", __base__=Part, x=(item, ...)), inner),
        st.builds(lambda item: create_model("Nested", __base__=Part, x=(item, None)), inner),
    ),
    max_leaves=3,
)
VALUES = st.recursive(
    st.none() | st.booleans() | SMALL | st.sampled_from([0.5, 2.5, "", "a", "b", "ab", "aaaaa"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xy"), inner),
    max_leaves=4,
)


@settings(deadline=None, max_examples=300)
@given(TYPES, TYPES, st.lists(VALUES, max_size=12))
def test_where_no_break_is_told_the_new_model_takes_what_the_old_one_took(
    old: Any, new: Any, values: list[Any]
) -> None:
    before, after = model({"a": (old, ...)}), model({"a": (new, ...)})
    if breaks(schema_of(before), schema_of(after)):
        return
    for value in values:
        try:
            TypeAdapter(before).validate_python({"a": value}, strict=True)
        except ValidationError:
            continue
        TypeAdapter(after).validate_python({"a": value}, strict=True)


@settings(deadline=None, max_examples=100)
@given(TYPES)
def test_every_type_is_compatible_with_itself(same: Any) -> None:
    once, again = (schema_of(model({"a": (same, ...)})) for _ in range(2))

    assert breaks(once, again) == []
