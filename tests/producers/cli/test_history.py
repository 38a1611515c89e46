"""The rows of a history, as people read them."""

from typing import Any

import pytest
from rich.console import Console

from producers.cli.history import history


def shown(*rows: dict[str, Any]) -> str:
    """What is printed of *rows*."""
    console = Console(width=200, markup=False, highlight=False)
    with console.capture() as captured:
        console.print(history(rows))
    return captured.get()


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"outcome": "error", "error": "OSError", "message": "disk"}, "OSError: disk"),
        ({"outcome": "lost", "silent_ms": 12_000}, "its consumer was not heard for 12s"),
        ({"outcome": "lost", "reason": "killed by SIGKILL"}, "its consumer was killed by SIGKILL"),
        (
            {"outcome": "lost", "reason": "killed by SIGKILL", "alone": True},
            "killed by SIGKILL while it ran alone",
        ),
        ({"outcome": "lost"}, "its consumer was lost"),
        ({"outcome": "replayed", "by": "ada", "cause": "poison"}, "by ada, after: poison"),
        (
            {"outcome": "replayed", "by": "ada", "cause": "x", "edited": ["payload", "priority"]},
            "by ada, after: x; edited: payload, priority",
        ),
        ({"outcome": "replayed", "by": ""}, "by somebody, after: -"),
        ({"outcome": "snoozed"}, "snoozed"),
        ({"outcome": "\x1b[2J"}, r"\x1b[2J"),
    ],
)
def test_a_row_says_what_happened(row: dict[str, Any], words: str) -> None:
    assert words in shown(row)


def test_the_traceback_is_that_of_the_last_attempt_that_has_one() -> None:
    text = shown(
        {"attempt": 1, "outcome": "error", "traceback": "first"},
        {"attempt": 2, "outcome": "error", "traceback": "second"},
        {"outcome": "lost"},
    )

    assert "Traceback of attempt 2" in text
    assert "second" in text
    assert "first" not in text
    assert "No attempt has ended yet" in shown()
