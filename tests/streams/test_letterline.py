"""A letter as a line of JSON and back: nothing of it is lost on the way."""

from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import InvalidJobError
from streams.keys import Keys
from streams.letterline import letter_in, line_of
from tests.support.letters import failed_row, letter

KEYS = Keys("tiles", 3)


@given(
    payload=st.one_of(
        st.binary(),
        st.sampled_from(
            [b'{"a":1}', b'{ "a": 1 }', b'{"a":1,"a":2}', b"1e400", b"9" * 40, b"[" * 9]
        ),
    ),
    extra=st.dictionaries(st.sampled_from(["meta", "unique", "traceparent", "x"]), st.binary()),
)
def test_a_letter_comes_back_as_it_was(payload: bytes, extra: dict[str, Any]) -> None:
    sent = letter(payload=payload, rows=[failed_row(message="ä"), {"outcome": "lost"}], **extra)

    keys, back = letter_in(line_of(KEYS, sent))

    assert keys == KEYS
    assert back == sent
    assert back.fields["payload"] == payload


def test_a_line_is_one_line_and_readable() -> None:
    line = line_of(KEYS, letter(payload='{"text":"a\\nb"}', meta='{"a":1}', bad=b"\xff"))

    read = orjson.loads(line)
    assert b"\n" not in line
    assert (read["queue"], read["partition"], read["payload"]) == ("tiles", 3, {"text": "a\nb"})
    assert (read["error"], read["message"]) == ("ValueError", "broken")
    assert read["fingerprint"] == letter().fingerprint.digest
    assert read["fields"] == {"entry": "1-1", "meta": '{"a":1}', "bad": {"base64": "/w=="}}
    assert "payload_base64" not in read


def test_a_letter_without_a_body_comes_back_without_one() -> None:
    sent = letter()
    fields = {name: value for name, value in sent.fields.items() if name not in {"kind", "payload"}}
    lost = replace(sent, fields=fields)

    _, back = letter_in(line_of(KEYS, lost))

    assert back.is_body_lost
    assert not sent.is_body_lost


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"", "no line of"),
        (b"[1]", "no line of"),
        (b"{}", "no line of"),
        (b'"text"', "no line of"),
        (line_of(KEYS, letter()).replace(b'"format":1', b'"format":2'), "has the format 2"),
        (line_of(KEYS, letter()).replace(b'"tiles"', b'"TILES"'), "queue's name"),
        (line_of(KEYS, letter(bad=b"\xff")).replace(b"/w==", b"/w"), "base64"),
    ],
)
def test_another_line_is_refused_and_told(line: bytes, words: str) -> None:
    with pytest.raises(InvalidJobError, match=words):
        letter_in(line)
