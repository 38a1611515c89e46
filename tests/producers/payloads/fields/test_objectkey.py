"""A key names one object, in a bucket and in a folder alike."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from producers.payloads.fields.objectkey import OBJECT_KEY_BYTES_MAX, ObjectKey

KEY: TypeAdapter[str] = TypeAdapter(ObjectKey)


@pytest.mark.parametrize(
    "value",
    ["a", "a/b.c", "gallery/ünï/1 (2).jpg", "..a/b..", "x" * OBJECT_KEY_BYTES_MAX, "ä" * 512],
)
def test_what_names_an_object_is_kept_as_it_is(value: str) -> None:
    assert KEY.validate_python(value) == value


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("", "at least 1"),
        ("x" * (OBJECT_KEY_BYTES_MAX + 1), "at most 1024"),
        ("ä" * 513, "at most 1024 bytes in UTF-8, got 1026"),
        ("/a", "no leading"),
        ("a/", "no leading, trailing"),
        ("a/./b", "no part"),
        ("..", "no part"),
        ("a\\..\\b", "pattern"),
        ("a\x00", "pattern"),
        ("a\n", "pattern"),
    ],
)
def test_what_names_none_is_refused_with_the_reason(value: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        KEY.validate_python(value)


@settings(deadline=None)
@given(st.lists(st.sampled_from(["a", ".", "..", "/", "\\", "é"]), max_size=8).map("".join))
def test_no_key_leads_out_of_its_folder(value: str) -> None:
    try:
        key = KEY.validate_python(value)
    except ValidationError:
        return
    root = Path("/store")
    assert (root / key).resolve().is_relative_to(root)
