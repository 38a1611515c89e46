"""Dead letters as people read them, and as a line of JSON."""

from collections.abc import Sequence

import orjson
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from producers.cli.history import history
from producers.cli.letters import Found, Page
from producers.cli.output import cell, indented, new_table
from producers.cli.session import label
from producers.cli.text import moment, plain, since
from streams.lettergroups import LetterGroup
from streams.letterline import line_of

#: What is shown of a payload; `--json` has all of it.
PAYLOAD_CHARS_MAX = 4_000
#: What is shown of an error in a list.
ERROR_CHARS_MAX = 200


def listing(page: Page, *, filtered: bool) -> RenderableType:
    """One page of a list, the newest letters first."""
    if not page.letters and not page.next_cursor:
        return Text("No dead letter fits." if filtered else "There are no dead letters.")
    columns = ["dead letter", "queue", "job", "kind", "cause", "attempts", "died"]
    table = new_table(
        _heading(page, filtered=filtered),
        [*columns, "fingerprint", "last error"],
        numbers=["attempts"],
    )
    for found in page.letters:
        letter = found.letter
        table.add_row(
            cell(letter.dead_entry),
            cell(label(found.keys.queue, found.keys.partition)),
            cell(letter.id),
            cell(letter.kind or "(no kind)"),
            cell(letter.cause),
            str(len(letter.history)),
            cell(moment(letter.died_ms)),
            cell(letter.fingerprint.digest),
            cell(letter.last_error, chars_max=ERROR_CHARS_MAX),
        )
    parts: list[RenderableType] = [table]
    if page.next_cursor:
        parts.append(Text(f"  Further back: --cursor {page.next_cursor}"))
    if page.letters:
        first = page.letters[0].letter
        parts.append(
            Text(f"  Everything about one: millstream dead show {plain(first.dead_entry)}\n")
        )
    return Group(*parts)


def _heading(page: Page, *, filtered: bool) -> str:
    fitting = " that fit" if filtered else ""
    return f"{len(page.letters)} dead letters{fitting}, of {page.total} in all"


def groups(found: Sequence[LetterGroup], total: int, limit: int, now_ms: int) -> RenderableType:
    """*found* as a table, the largest group first."""
    if not found:
        return Text("No dead letter fits, or there are none.")
    columns = ["fingerprint", "count", "queue", "kind", "first died", "last died", "what"]
    table = new_table(
        f"{total} dead letters in {len(found)} groups",
        [*columns, "example"],
        numbers=["count"],
    )
    for group in found[:limit]:
        table.add_row(
            cell(group.digest),
            str(group.count),
            cell(group.queue or "-"),
            cell(group.kind or "-"),
            cell(moment(group.first_ms)),
            cell(since(group.last_ms, now_ms)),
            cell(group.title, chars_max=ERROR_CHARS_MAX),
            cell(group.example),
        )
    parts: list[RenderableType] = [table]
    if len(found) > limit:
        parts.append(Text(f"  The largest {limit} of {len(found)} groups; --limit shows more."))
    first = found[0]
    parts += [
        Text(f"  One of them: millstream dead show {plain(first.example)}"),
        Text(f"  Run a group again: millstream dead replay -f {first.digest} --dry-run\n"),
    ]
    return Group(*parts)


def group_line(group: LetterGroup) -> bytes:
    """*group* as JSON."""
    return orjson.dumps(
        {
            "fingerprint": group.digest,
            "queue": group.queue,
            "kind": group.kind,
            "title": group.title,
            "count": group.count,
            "first_ms": group.first_ms,
            "last_ms": group.last_ms,
            "example": group.example,
        }
    )


def full(found: Found, now_ms: int) -> RenderableType:
    """Everything that a dead letter tells."""
    letter = found.letter
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim")
    group = letter.fingerprint
    for name, text in (
        ("job", letter.id),
        ("queue", f"{label(found.keys.queue, found.keys.partition)}, {letter.priority.value}"),
        ("kind", letter.kind or "(none)"),
        ("died", since(letter.died_ms, now_ms)),
        ("cause", letter.cause),
        ("group", f"{group.digest}  {group.title}"),
        ("lost", f"{letter.losses} times with its consumer"),
    ):
        facts.add_row(name, cell(text, chars_max=400))
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


def line(found: Found) -> bytes:
    """A letter as JSON: the line of an export."""
    return line_of(found.keys, found.letter)


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
