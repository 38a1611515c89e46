"""The attempts of a job, as a table and a traceback."""

from collections.abc import Mapping, Sequence

from pydantic import JsonValue
from rich.console import Group, RenderableType
from rich.text import Text

from producers.cli.output import cell, indented, new_table
from producers.cli.text import age, moment

Attempt = Mapping[str, JsonValue]

_STYLES = {"completed": "green", "error": "red", "timeout": "red", "lost": "red"}


def history(attempts: Sequence[Attempt]) -> RenderableType:
    """All *attempts*, oldest first, and the traceback of the last one that has any."""
    if not attempts:
        return Text("  No attempt has ended yet.\n")
    columns = ["attempt", "outcome", "consumer", "host", "version", "ended", "took", "error"]
    table = new_table("Attempts", columns, numbers=["attempt", "took"])
    for attempt in attempts:
        table.add_row(
            cell(_text(attempt, "attempt") or "-"),
            cell(_text(attempt, "outcome"), _STYLES.get(_text(attempt, "outcome"), "")),
            cell(_text(attempt, "consumer")),
            cell(_text(attempt, "host")),
            cell(_text(attempt, "version")),
            cell(_ended(attempt)),
            cell(_took(attempt)),
            cell(_error(attempt), chars_max=400),
        )
    return Group(table, *_traceback(attempts))


def _traceback(attempts: Sequence[Attempt]) -> list[RenderableType]:
    for attempt in reversed(attempts):
        if text := _text(attempt, "traceback"):
            title = Text(f"Traceback of attempt {_text(attempt, 'attempt') or '-'}", "bold italic")
            return [title, indented(text), Text()]
    return []


def _text(attempt: Attempt, name: str) -> str:
    value = attempt.get(name)
    return "" if value is None else str(value)


def _number(attempt: Attempt, name: str) -> int | None:
    value = attempt.get(name)
    return int(value) if isinstance(value, int | float) else None


def _ended(attempt: Attempt) -> str:
    ended_ms = _number(attempt, "ended_ms")
    return "-" if ended_ms is None else moment(ended_ms)


def _took(attempt: Attempt) -> str:
    started_ms, ended_ms = _number(attempt, "started_ms"), _number(attempt, "ended_ms")
    return "-" if started_ms is None or ended_ms is None else age(max(0, ended_ms - started_ms))


def _error(attempt: Attempt) -> str:
    if _text(attempt, "outcome") == "replayed":
        return _replayed(attempt)
    if _text(attempt, "outcome") == "lost":
        return _lost(attempt)
    error = _text(attempt, "error")
    return f"{error}: {_text(attempt, 'message')}" if error else ""


def _lost(attempt: Attempt) -> str:
    """How its consumer ended, as far as anybody has seen."""
    alone = " while it ran alone" if attempt.get("alone") else ""
    silent_ms = _number(attempt, "silent_ms")
    if reason := _text(attempt, "reason"):
        return f"its consumer was {reason}{alone}"
    if silent_ms is not None:
        return f"its consumer was not heard for {age(silent_ms)}{alone}"
    return f"its consumer was lost{alone}"


def _replayed(attempt: Attempt) -> str:
    """Who made a dead job run again, what it had died of, and what was changed."""
    edited = attempt.get("edited")
    changed = ", ".join(str(each) for each in edited) if isinstance(edited, list) else ""
    by = _text(attempt, "by") or "somebody"
    return f"by {by}, after: {_text(attempt, 'cause') or '-'}" + (
        f"; edited: {changed}" if changed else ""
    )
