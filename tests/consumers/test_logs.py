"""The log is one JSON object a line, whatever is said."""

import io
import sys
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.logs import VALUE_CHARS_MAX, open_logger


class Output(io.StringIO):
    """Standard output whose bytes can be read."""

    def __init__(self) -> None:
        super().__init__()
        self.raw = io.BytesIO()

    @property
    def buffer(self) -> io.BytesIO:
        """The binary layer that a text stream has."""
        return self.raw

    def lines(self) -> list[dict[str, Any]]:
        """Every line, parsed."""
        return [orjson.loads(line) for line in self.raw.getvalue().splitlines()]


def said(event: str, level: str = "info", **values: Any) -> dict[str, Any]:
    output = Output()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", output)
        open_logger("debug", queue="work", worker="box").log(
            {"info": 20, "error": 40}[level], event, **values
        )
    [line] = output.lines()
    return line


def test_a_line_says_what_when_how_bad_and_who() -> None:
    line = said("job_completed", job_id="1")

    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "job_completed",
        "level": "info",
        "queue": "work",
        "worker": "box",
        "job_id": "1",
    }


@given(st.text(), st.text())
def test_a_line_is_one_line_whatever_stands_in_it(event: str, value: str) -> None:
    line = said(event, kind=value, error=value * 100)

    assert len(line["error"]) <= VALUE_CHARS_MAX


@given(st.binary(max_size=30))
def test_text_that_is_no_utf8_is_written_too(raw: bytes) -> None:
    said("job_failed", error=raw.decode(errors="surrogateescape"))


@pytest.mark.parametrize("padding", [0, *range(VALUE_CHARS_MAX - 30, VALUE_CHARS_MAX + 1, 5)])
def test_no_password_is_in_a_line_even_where_the_text_is_cut(padding: int) -> None:
    line = said("fetch_failed", error="x" * padding + "redis://user:canary@host/0")

    assert "cana" not in str(line)


@pytest.mark.parametrize(
    "value",
    [
        {"url": "redis://user:canary@host"},
        ["redis://user:canary@host"],
        [{"deep": ("redis://user:canary@host",)}],
        ConnectionError("redis://user:canary@host"),
        b"redis://user:canary@host",
    ],
)
def test_no_password_is_in_a_value_that_is_no_text(value: object) -> None:
    assert "canary" not in str(said("odd", value=value))


def test_no_password_is_in_a_traceback() -> None:
    try:
        open("redis://user:canary@host")  # noqa: PTH123, SIM115 - it fails, and says where
    except OSError as error:
        line = said("job_failed", "error", exc_info=error)
    else:
        raise AssertionError

    assert "FileNotFoundError" in line["exception"]
    assert "canary" not in line["exception"]


@pytest.mark.parametrize("value", [object(), {1: 2}, 2**70, float("nan"), {1, 2}, "\udcff"])
def test_what_json_does_not_know_does_not_stop_the_worker(value: object) -> None:
    assert said("odd", value=value)["event"] == "odd"


def test_what_is_below_the_level_is_not_said() -> None:
    output = Output()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", output)
        log = open_logger("warning", queue="work")
        log.info("job_completed")
        log.warning("job_lost")

    assert [line["event"] for line in output.lines()] == ["job_lost"]
