"""`millstream audit`: is every job of a queue in exactly one place?

| status | meaning |
| --- | --- |
| 0 | every job is in exactly one place |
| 2 | at least one is not |
"""

from typing import Annotated

import anyio
import orjson
import typer
from rich.console import Group, RenderableType
from rich.text import Text

from producers.cli.options import DEFAULT_URL, AsJson, RedisUrl
from producers.cli.output import cell, new_console, new_table, write_json
from producers.cli.session import chosen_queues, label, visit
from streams.audit.audit import AuditReport, audit

#: Rows of the table; `--json` has all that are named.
SHOWN_MAX = 100
#: Between two lines of progress.
STEP = 10_000
BROKEN = 2


def audit_(
    queue: Annotated[str, typer.Argument(help="The queue whose jobs are counted.")],
    *,
    redis_url: RedisUrl = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Look for jobs that are lost, doubled or half there; repairs nothing."""
    reports = anyio.run(_audit, redis_url, queue)
    if as_json:
        write_json(orjson.dumps(reports, option=orjson.OPT_INDENT_2))
    else:
        new_console().print(Group(*(_page(report) for report in reports)))
    if not all(report.is_clean for report in reports):
        raise typer.Exit(BROKEN)


async def _audit(url: str, queue: str) -> list[AuditReport]:
    async with visit(url) as server:
        return [
            await audit(server.client, keys, _Steps())
            for keys in await chosen_queues(server, queue)
        ]


class _Steps:
    """Says on standard error how far the audit is: the report is what comes out."""

    def __init__(self) -> None:
        self._said: dict[str, int] = {}

    def __call__(self, what: str, count: int) -> None:
        if count - self._said.get(what, 0) >= STEP:
            self._said[what] = count
            typer.echo(f"{count} {what} read", err=True)


def _page(report: AuditReport) -> RenderableType:
    name = label(report.queue, report.partition)
    seen = ", ".join(f"{count} {what}" for what, count in report.seen.items())
    if report.is_clean:
        return Text(f"{name}: every job is in exactly one place ({seen}).")
    table = new_table(f"Audit of {name}", ["job", "what", "where"])
    for each in report.broken[:SHOWN_MAX]:
        table.add_row(cell(each.id), Text(each.breakage.value, "red"), cell(each.where))
    sums = ", ".join(f"{count} {what}" for what, count in report.counts.items())
    return Group(table, Text(f"  {sums} ({seen}). Nothing was changed."))
