"""Schedules as people read them, and as JSON."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import orjson
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from producers.cli.output import cell, indented, new_table
from producers.cli.text import age, one_line
from producers.schedule.schedule import Schedule
from producers.schedule.schedules import KnownSchedule, unix_ms_of

#: What a list shows of what is wrong with a schedule.
FLAW_CHARS_MAX = 200
_MS = timedelta(milliseconds=1)


def listing(queue: str, known: Sequence[KnownSchedule]) -> RenderableType:
    """All schedules of a queue."""
    if not known:
        return Text(f"The queue '{queue}' has no schedules.")
    numbers = ["in", "fired", "left out"]
    columns = ["schedule", "cron", "zone", "kind", "next run", *numbers, "last job"]
    table = new_table(f"Schedules of {queue}", columns, numbers=numbers)
    for each in known:
        table.add_row(
            cell(each.name),
            *_times(each),
            str(each.stored.fired),
            str(each.stored.skipped),
            cell(each.stored.job or "-"),
        )
    return table


def page(queue: str, known: KnownSchedule, count: int) -> RenderableType:
    """One schedule with its next *count* runs."""
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim")
    for name, text in _facts(queue, known):
        facts.add_row(name, cell(text))
    parts: list[RenderableType] = [Text.assemble("Schedule ", cell(known.name, "bold")), facts]
    schedule = known.schedule
    if schedule is None:
        return Group(*parts, Text(""))
    if schedule.payload:
        parts += [
            Text("\nPayload", "bold"),
            indented(orjson.dumps(schedule.payload, option=orjson.OPT_INDENT_2).decode()),
        ]
    table = new_table("Next runs", ["UTC", schedule.zone, "in"], numbers=["in"])
    for run in known.next_runs(count):
        table.add_row(_utc(run), _local(run, schedule.zone), age((run - known.now) // _MS))
    runs = table if table.row_count else Text("\nIt is paused: there are no next runs.\n")
    return Group(*parts, runs)


def as_json(queue: str, known: KnownSchedule, count: int) -> dict[str, object]:
    """One schedule for programs, with its next *count* runs in Unix milliseconds."""
    stored = known.stored
    said = {} if known.schedule is None else known.schedule.model_dump(mode="json")
    return {
        "queue": queue,
        **said,
        "name": known.name,
        "paused": stored.paused,
        "version": stored.version,
        "last_ms": stored.last_ms,
        "last_job": stored.job or None,
        "fired": stored.fired,
        "left_out": stored.skipped,
        "next_ms": [unix_ms_of(run) for run in known.next_runs(count)],
        "flaw": known.flaw or None,
    }


def _times(known: KnownSchedule) -> tuple[Text, Text, Text, Text, str]:
    """Cron, zone, kind, next run, and how long until then."""
    schedule = known.schedule
    if schedule is None:
        flaw = cell(known.flaw, "red", chars_max=FLAW_CHARS_MAX)
        return cell("?"), cell("?"), cell("?"), flaw, "-"
    when = (cell(schedule.cron), cell(schedule.zone), cell(schedule.kind))
    runs = known.next_runs(1)
    if not runs:
        return (*when, cell("paused", "yellow"), "-")
    return (*when, cell(_utc(runs[0])), age((runs[0] - known.now) // _MS))


def _facts(queue: str, known: KnownSchedule) -> list[tuple[str, str]]:
    stored = known.stored
    counts = f"{stored.fired} times, left out {stored.skipped} times"
    facts = [
        ("queue", queue),
        ("fired", f"{counts}; last job {stored.job or '-'}"),
        ("counts from", _utc(known.last_tick)),
    ]
    if known.schedule is None:
        return [*facts, ("cannot be read", one_line(known.flaw))]
    return [*_said(known.schedule), *facts]


def _said(schedule: Schedule) -> list[tuple[str, str]]:
    late = {
        "skip": f"skip what is later than {_span(schedule.grace)}",
        "last": "make up for the last one",
        "all": f"make up for all, at most {schedule.missed_max}",
    }
    facts = [
        ("cron", f"{schedule.cron}, {schedule.zone}"),
        ("kind", f"{schedule.kind}, {schedule.priority.value}, {schedule.attempts} attempts"),
        ("missed runs", late[schedule.missed.value]),
        ("overlap", schedule.overlap.value),
    ]
    if schedule.jitter:
        facts.append(("jitter", f"up to {_span(schedule.jitter)}"))
    if schedule.timeout is not None:
        facts.append(("timeout", _span(schedule.timeout)))
    if schedule.unique is not None:
        facts.append(("unique", schedule.unique))
    return facts


def _span(span: timedelta) -> str:
    return age(span // _MS)


def _utc(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _local(moment: datetime, zone: str) -> str:
    return f"{moment.astimezone(ZoneInfo(zone)):%a %Y-%m-%d %H:%M:%S %z}"
