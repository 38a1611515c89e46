"""Dead letters that never were on a server."""

from typing import Any

import orjson

from streams.letter import DeadLetter, letter_of


def failed_row(error: str = "ValueError", message: str = "broken", **more: Any) -> dict[str, Any]:
    """A row of a history, as a worker writes it."""
    return {"attempt": 1, "outcome": "error", "error": error, "message": message, **more}


def letter(
    name: str = "a",
    *,
    entry: str = "1000-0",
    died_ms: int = 1000,
    rows: list[dict[str, Any]] | None = None,
    **fields: str | bytes,
) -> DeadLetter:
    """A letter with these fields; by default one that died of a `ValueError`."""
    named: dict[str, str | bytes] = {
        "id": name,
        "kind": "test.echo",
        "payload": "{}",
        "priority": "normal",
        "entry": "1-1",
        "cause": "attempts used up",
        "died_ms": str(died_ms),
        "losses": "0",
        "history": orjson.dumps([failed_row()] if rows is None else rows),
        **fields,
    }
    return letter_of(entry, {k: v.encode() if isinstance(v, str) else v for k, v in named.items()})
