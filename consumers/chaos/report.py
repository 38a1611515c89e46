"""Figures and violations as a table and as JSON."""

from collections.abc import Sequence

import orjson
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from consumers.chaos.checker import Violation
from consumers.chaos.figures import Figures, Recovery

#: More of them say the same.
SHOWN_MAX = 20


def as_table(figures: Figures, violations: Sequence[Violation]) -> RenderableType:
    """For people."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column()
    hits = ", ".join(f"{count} {name}" for name, count in sorted(figures.faults.items()))
    rows: list[tuple[str, str, bool | None]] = [
        ("jobs accepted", f"{figures.jobs} in {figures.seconds:.0f} s", None),
        ("jobs/s", f"{figures.jobs_per_second:.1f}", None),
        ("completed, dead", f"{figures.completed}, {figures.dead}", None),
        ("runs", str(figures.runs), None),
        ("faults", f"{sum(figures.faults.values())}: {hits}", None),
        ("processes killed by poison", str(figures.poison_deaths), None),
        ("zombies thawed with a job", str(figures.zombies_thawed), None),
        ("stale outcomes refused", str(figures.outcomes_refused), None),
        ("stale outcomes recorded", str(figures.stale_recorded), figures.stale_recorded == 0),
        ("stale effects refused", str(figures.effects_refused), None),
        ("outcomes told twice", str(figures.outcomes_repeated), None),
        ("overlaps with a silent owner", str(figures.overlaps), None),
        ("lost", str(figures.lost), figures.lost == 0),
        ("recorded twice", str(figures.duplicates), figures.duplicates == 0),
        ("healthy, dead-lettered", str(figures.healthy_dead), figures.healthy_dead == 0),
        ("recovery after SIGKILL", _recovery(figures.recovery_s), None),
        ("  with a supervisor", _recovery(figures.supervised_recovery_s), None),
        ("  of suspects", _recovery(figures.suspect_recovery_s), None),
        ("  with the server away too", _recovery(figures.disturbed_recovery_s), None),
        ("violations", str(len(violations)), not violations),
    ]
    for name, text, is_good in rows:
        style = "" if is_good is None else "green" if is_good else "bold red"
        table.add_row(f"  {name}", Text(text, style))
    found = [Text(f"  {each}") for each in violations[:SHOWN_MAX]]
    if len(violations) > SHOWN_MAX:
        found.append(Text(f"  ... and {len(violations) - SHOWN_MAX} more"))
    return Group(table, *found)


def as_json(figures: Figures, violations: Sequence[Violation], *, seeds: Sequence[int]) -> bytes:
    """For programs."""
    recoveries = {
        "recovery": figures.recovery_s,
        "recovery_supervised": figures.supervised_recovery_s,
        "recovery_suspects": figures.suspect_recovery_s,
        "recovery_server_away": figures.disturbed_recovery_s,
    }
    plain = {
        name: getattr(figures, name)
        for name in Figures.__dataclass_fields__
        if not name.endswith("recovery_s") and name != "faults"
    }
    return orjson.dumps(
        {
            "seeds": list(seeds),
            **plain,
            "jobs_per_second": round(figures.jobs_per_second, 1),
            "faults": dict(figures.faults),
            **{name: Recovery.of(seconds) for name, seconds in recoveries.items()},
            "violations": [
                {"rule": each.rule, "job": each.job, "what": each.what} for each in violations
            ],
        },
        option=orjson.OPT_INDENT_2,
    )


def _recovery(seconds: Sequence[float]) -> str:
    found = Recovery.of(seconds)
    if not found.jobs:
        return "no job was in hand"
    return (
        f"p50 {found.p50_s:.2f} s, p99 {found.p99_s:.2f} s, worst {found.worst_s:.2f} s "
        f"({found.jobs} jobs)"
    )
