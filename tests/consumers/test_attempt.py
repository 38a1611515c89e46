"""A row of a history is bounded, readable and holds no passwords."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.attempt import MESSAGE_CHARS_MAX, TRACEBACK_CHARS_MAX, AttemptRows, Failure
from tests.consumers.support.kinds import UnprintableError

CANARY_URL = "redis://user:canary@host/0"


def fail(message: str) -> None:
    raise ValueError(message)


def caught(message: str) -> Failure:
    try:
        fail(message)
    except ValueError as error:
        return Failure.of(error)
    raise AssertionError


def row(failure: Failure | None) -> bytes:
    return AttemptRows("box:1:ab", "box", "0.1.0").row(2, "error", 1_000, 1_234, failure)


def test_a_row_says_who_ran_it_when_and_how_it_ended() -> None:
    assert orjson.loads(row(None)) == {
        "attempt": 2,
        "outcome": "error",
        "consumer": "box:1:ab",
        "host": "box",
        "version": "0.1.0",
        "started_ms": 1_000,
        "ended_ms": 1_234,
    }


def test_a_row_of_a_failure_has_class_message_and_traceback() -> None:
    read = orjson.loads(row(caught("no such shard")))

    assert read["error"] == "ValueError"
    assert read["message"] == "no such shard"
    assert "raise ValueError(message)" in read["traceback"]
    assert read["traceback"].endswith("ValueError: no such shard\n")


@given(st.text(), st.sampled_from([1, 1_000]))
def test_a_failure_is_bounded_whatever_it_says(text: str, times: int) -> None:
    message = text * times
    failure = caught(message)

    assert len(failure.message) <= MESSAGE_CHARS_MAX
    assert len(failure.traceback) <= TRACEBACK_CHARS_MAX
    assert len(Failure.said("X", message).message) <= MESSAGE_CHARS_MAX
    orjson.loads(row(failure))


def test_of_a_long_traceback_the_end_is_kept_because_it_names_the_line() -> None:
    def deep(levels: int) -> None:
        if not levels:
            raise ValueError("bottom")
        # Another function each time, or Python would fold the frames into one line.
        (deep if levels % 2 else lambda n: deep(n))(levels - 1)  # noqa: PLW0108

    with pytest.raises(ValueError, match="bottom") as caught_error:
        deep(200)

    failure = Failure.of(caught_error.value)

    assert len(failure.traceback) == TRACEBACK_CHARS_MAX
    assert failure.traceback.endswith("ValueError: bottom\n")


@pytest.mark.parametrize("padding", [0, MESSAGE_CHARS_MAX - 20, MESSAGE_CHARS_MAX - 5])
def test_no_password_is_in_a_failure_even_where_the_text_is_cut(padding: int) -> None:
    message = "x" * padding + " " + CANARY_URL

    for failure in (caught(message), Failure.said("X", message)):
        assert "canary" not in failure.message
        assert "cana" not in failure.traceback


def test_the_cause_of_an_error_stands_in_its_traceback_without_its_password() -> None:
    error = RuntimeError("no tile")
    error.__cause__ = OSError(f"cannot reach {CANARY_URL}")

    failure = Failure.of(error)

    assert "OSError: cannot reach redis://***@host/0" in failure.traceback
    assert failure.message == "no tile"


def test_an_error_that_cannot_be_printed_is_still_a_failure() -> None:
    failure = Failure.of(UnprintableError())

    assert failure.error == "UnprintableError"
    assert failure.message
    orjson.loads(row(failure))


@given(st.binary(max_size=50))
def test_a_file_name_that_is_no_utf8_can_be_written_down(name: bytes) -> None:
    failure = caught(name.decode(errors="surrogateescape"))

    orjson.loads(row(failure))
    orjson.loads(row(Failure.said("X", name.decode(errors="surrogateescape"))))
