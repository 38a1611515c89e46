"""What was asked of the queue, as text and as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson
from rich.console import Group, RenderableType
from rich.text import Text

from consumers.handlers.tiles.announce import AnnounceReport
from consumers.handlers.tiles.dataerrors import iso_utc
from producers.batch import BatchReport
from producers.cli.boundary import CommandError
from producers.cli.output import new_console, new_table, write_json
from producers.cli.text import age, counted
from producers.warming.pyramid import Pyramid


@dataclass(frozen=True, slots=True)
class Wish:
    """Tiles of a layer; `lead` and `passed` of scheduled ones."""

    layer: str
    pyramid: Pyramid
    styles: Sequence[str]
    times: Sequence[datetime | None]
    lead: timedelta | None = None
    passed: int = 0

    @property
    def copies(self) -> int:
        """How often each place is wanted: in every style at every time."""
        return len(self.styles) * len(self.times)

    @property
    def tiles(self) -> int:
        """How many tiles that are."""
        return self.pyramid.count * self.copies


def write_wish(wish: Wish, report: BatchReport | None, *, as_json: bool) -> None:
    """Say what became of *wish*; without a *report* what it would be.

    Raises:
        CommandError: the queue refused jobs.
    """
    if as_json:
        write_json(_json(wish, report))
    elif report is None:
        new_console().print(_foreseen(wish))
    else:
        new_console().print(_done(wish, report))
    if report is not None and report.refused:
        raise CommandError(
            f"{report.refused} jobs were refused, the queue is full or being drained: run this "
            "again later"
        )


def announced_text(report: AnnounceReport) -> RenderableType:
    """What was announced, and what was left out and why."""
    lines = [f"{report.accepted} jobs enqueued for {counted(len(report.made), 'announcement')}."]
    if report.existing:
        lines.append(f"{report.existing} more were there already.")
    lines += [
        f"  left out {each.announcement.layer}, style {each.announcement.style}, "
        f"{iso_utc(each.announcement.valid_time)}: {each.reason}"
        for each in report.left_out
    ]
    return Text("\n".join(lines))


def announced_json(report: AnnounceReport) -> bytes:
    """The same as a JSON object."""
    return orjson.dumps(announced_fields(report), option=orjson.OPT_INDENT_2)


def announced_fields(report: AnnounceReport) -> dict[str, object]:
    """The same as values of JSON."""
    return {
        "enqueued": report.accepted,
        "existing": report.existing,
        "announced": [
            {
                "layer": each.layer,
                "reference_time": iso_utc(each.reference_time),
                "valid_time": iso_utc(each.valid_time),
                "style": each.style,
                "tiles": each.shape,
            }
            for each in report.made
        ],
        "left_out": [
            {
                "layer": each.announcement.layer,
                "valid_time": iso_utc(each.announcement.valid_time),
                "style": each.announcement.style,
                "reason": each.reason,
            }
            for each in report.left_out
        ],
    }


def _json(wish: Wish, report: BatchReport | None) -> bytes:
    fields: dict[str, object] = {
        "layer": wish.layer,
        "styles": wish.styles,
        "crs": wish.pyramid.crs,
        "times": ["latest" if time is None else iso_utc(time) for time in wish.times],
        "tiles_by_zoom": {
            str(z): tiles * wish.copies for z, tiles in wish.pyramid.counts().items()
        },
        "tiles": wish.tiles,
        "dry_run": report is None,
    }
    if wish.lead is not None:
        fields |= {"lead_s": wish.lead.total_seconds(), "times_passed": wish.passed}
    if report is not None:
        fields |= {
            "enqueued": report.accepted,
            "existing": report.existing,
            "refused": report.refused,
        }
    return orjson.dumps(fields, option=orjson.OPT_INDENT_2)


def _foreseen(wish: Wish) -> RenderableType:
    styles, times = counted(len(wish.styles), "style"), counted(len(wish.times), "time")
    columns = ["zoom", "places", "tiles"]
    table = new_table(f"Tiles of {wish.layer}: {styles}, {times}", columns, numbers=columns)
    for z, places in wish.pyramid.counts().items():
        table.add_row(str(z), str(places), str(places * wish.copies))
    table.add_section()
    table.add_row("all", str(wish.pyramid.count), str(wish.tiles))
    return Group(table, Text("\n".join([*_passed(wish), "Nothing was enqueued."])))


def _done(wish: Wish, report: BatchReport) -> RenderableType:
    levels = f"levels {wish.pyramid.min_zoom} to {wish.pyramid.max_zoom}"
    lines = [f"{report.accepted} jobs enqueued for {wish.layer}, {levels}{_times(wish)}."]
    if report.existing:
        lines.append(f"{report.existing} more were waiting already.")
    return Text("\n".join([*lines, *_passed(wish)]))


def _times(wish: Wish) -> str:
    if wish.lead is None:
        return ""
    known = [time for time in wish.times if time is not None]
    if not known:
        return ""
    first, last = iso_utc(known[0]), iso_utc(known[-1])
    span = first if first == last else f"{first} .. {last}"
    lead = age(round(wish.lead.total_seconds() * 1000))
    return f", {counted(len(known), 'time')} ({span}), each {lead} before it"


def _passed(wish: Wish) -> list[str]:
    if not wish.passed:
        return []
    verb = "has" if wish.passed == 1 else "have"
    return [f"{counted(wish.passed, 'time')} {verb} passed and {verb} been left out."]
