"""What a handler says in the log, from wherever it runs, and how much of it."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.handler import Context, Unlinked
from consumers.inflight import Running
from consumers.logline import (
    FIELDS_MAX,
    LINES_MAX,
    NAME_CHARS_MAX,
    RESERVED,
    TEXT_CHARS_MAX,
    bounded_fields,
)
from consumers.logs import open_logger
from consumers.roles.reporter import RunLink
from tests.consumers.support.deliveries import delivery


@given(st.dictionaries(st.text(), st.one_of(st.text(), st.integers(), st.floats(), st.binary())))
def test_any_fields_become_a_line_that_json_can_hold(fields: dict[str, Any]) -> None:
    said = bounded_fields(fields)

    assert len(said) <= FIELDS_MAX
    assert not RESERVED & said.keys()
    assert orjson.loads(orjson.dumps(said)) == said


def test_what_is_too_much_is_cut() -> None:
    said = bounded_fields({"n" * 100: "x" * 10_000} | {str(each): each for each in range(100)})

    assert len(said) == FIELDS_MAX
    assert said["n" * NAME_CHARS_MAX] == "x" * TEXT_CHARS_MAX


def test_what_is_no_scalar_is_written_as_text() -> None:
    moment = datetime(2024, 1, 15, tzinfo=UTC)

    assert bounded_fields({"a": Path("/x"), "b": moment, "c": float("nan"), "d": 2**64}) == {
        "a": "/x",
        "b": "2024-01-15 00:00:00+00:00",
        "c": "nan",
        "d": str(2**64),
    }


def test_the_workers_own_names_stay_its_own() -> None:
    assert bounded_fields({"job_id": "forged", "level": "forged", "mine": 1}) == {"mine": 1}


def test_a_context_that_no_worker_made_says_nothing() -> None:
    Context("a", "b", "c", 1, 1, 1, 1, link=Unlinked()).log("event", {"a": 1})


@pytest.fixture
def link(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[tuple[RunLink, Path]]:
    """The link of one run, and the file that its worker's log goes to."""
    file = tmp_path / "log"
    with TextIOWrapper(file.open("wb", buffering=0)) as output:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", output)
            log = open_logger("info", queue="work", worker="w")
        running = Running(delivery("test.order", id="job-1"))
        nobody: Any = None
        yield RunLink(nobody, nobody, running, log), file


def lines(file: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in file.read_bytes().splitlines()]


def test_a_line_names_the_job_and_holds_the_fields(link: tuple[RunLink, Path]) -> None:
    run, file = link

    run.log("gradient_made", {"storageKey": "a/b.jpg", "url": "redis://user:canary@host"})

    [line] = lines(file)
    assert line.pop("timestamp")
    assert line == {
        "event": "gradient_made",
        "level": "info",
        "queue": "work",
        "worker": "w",
        "job_id": "job-1",
        "kind": "test.order",
        "storageKey": "a/b.jpg",
        "url": "redis://***@host",
    }


def test_a_run_that_says_too_much_is_cut_with_a_word(link: tuple[RunLink, Path]) -> None:
    run, file = link

    for number in range(LINES_MAX + 50):
        run.log("said", {"number": number})

    said = lines(file)
    assert [line["event"] for line in said] == [*["said"] * LINES_MAX, "handler_log_cut"]
