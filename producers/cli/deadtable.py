"""Dead letters as people read them."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

import orjson
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from producers.cli.history import history
from producers.cli.letters import Found
from producers.cli.output import cell, indented, new_table
from producers.cli.session import label
from producers.cli.text import moment, plain, since

#: What is shown of a payload; `--json` has all of it.
PAYLOAD_CHARS_MAX = 4_000


def listing(letters: Sequence[Found], total: int) -> RenderableType:
    """*letters* in groups of one queue, kind and error; the group that grew last comes last."""
    if not letters:
        return Text("There are no dead letters.")
    parts: list[RenderableType] = [_group(group) for group in _grouped(letters)]
    if total > len(letters):
        parts.append(Text(f"  The newest {len(letters)} of {total}; --limit shows more.\n"))
    first = letters[-1].letter
    parts.append(Text(f"  Everything about one: millstream dead show {plain(first.dead_entry)}\n"))
    return Group(*parts)


def _grouped(letters: Iterable[Found]) -> list[list[Found]]:
    groups = groupby(sorted(letters, key=_fingerprint), key=_fingerprint)
    return sorted((list(group) for _, group in groups), key=lambda group: group[-1].letter.died_ms)


def _fingerprint(found: Found) -> tuple[str, int, str, str]:
    error = found.letter.last_error.partition(":")[0] or found.letter.cause
    return found.keys.queue, found.keys.partition, found.letter.kind, error


def _group(group: Sequence[Found]) -> RenderableType:
    queue, partition, kind, error = _fingerprint(group[0])
    heading = f"{len(group)} x {kind or '(no kind)'}, {error} (queue {label(queue, partition)})"
    columns = ["dead letter", "job", "cause", "attempts", "died", "last error"]
    table = new_table(plain(heading), columns, numbers=["attempts"])
    for found in group:
        letter = found.letter
        table.add_row(
            cell(letter.dead_entry),
            cell(letter.id),
            cell(letter.cause),
            str(len(letter.history)),
            cell(moment(letter.died_ms)),
            cell(letter.last_error, chars_max=200),
        )
    return table


def full(found: Found, now_ms: int) -> RenderableType:
    """Everything that a dead letter tells."""
    letter = found.letter
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim")
    for name, text in (
        ("job", letter.id),
        ("queue", f"{label(found.keys.queue, found.keys.partition)}, {letter.priority.value}"),
        ("kind", letter.kind or "(none)"),
        ("died", since(letter.died_ms, now_ms)),
        ("cause", letter.cause),
        ("lost", f"{letter.losses} times with its consumer"),
    ):
        facts.add_row(name, cell(text))
    return Group(
        Text.assemble("Dead letter ", cell(letter.dead_entry, "bold")),
        facts,
        Text(),
        history(letter.history),
        Text("Payload", "bold italic"),
        indented(_payload(letter.payload)),
        Text(),
        Text(f"Run it again: millstream dead replay {plain(letter.dead_entry)}"),
    )


def _payload(payload: bytes) -> str:
    """The payload, indented where it is JSON, cut where it is long."""
    try:
        text = orjson.dumps(orjson.loads(payload), option=orjson.OPT_INDENT_2).decode()
    except orjson.JSONDecodeError:
        text = payload.decode(errors="backslashreplace") or "(empty)"
    if len(text) > PAYLOAD_CHARS_MAX:
        cut = len(text) - PAYLOAD_CHARS_MAX
        text = f"{text[:PAYLOAD_CHARS_MAX]}… ({cut} characters more: see --json)"
    return text


def as_json(letters: Sequence[Found]) -> bytes:
    """*letters* as a JSON list; a payload that is JSON as such, any other one as text."""
    return orjson.dumps([_row(found) for found in letters], option=orjson.OPT_INDENT_2)


def _row(found: Found) -> Mapping[str, object]:
    letter = found.letter
    try:
        payload = orjson.loads(letter.payload)
    except orjson.JSONDecodeError:
        payload = letter.payload.decode(errors="backslashreplace")
    return {
        "queue": found.keys.queue,
        "partition": found.keys.partition,
        "dead_entry": letter.dead_entry,
        "id": letter.id,
        "kind": letter.kind,
        "priority": letter.priority.value,
        "cause": letter.cause,
        "died_ms": letter.died_ms,
        "losses": letter.losses,
        "last_error": letter.last_error,
        "history": letter.history,
        "payload": payload,
    }
