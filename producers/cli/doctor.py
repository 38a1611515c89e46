"""`millstream doctor`: is this Redis safe for jobs, and is the work being done?

| status | meaning |
| --- | --- |
| 0 | nothing failed |
| 1 | something is worth a warning, and `--strict` was asked for |
| 2 | something failed: jobs are lost, or are not run |
"""

from typing import Annotated

import anyio
import orjson
import typer
from rich.console import Group, RenderableType
from rich.text import Text

from producers.cli.options import DEFAULT_URL, AsJson, QueueName, RedisUrl
from producers.cli.output import cell, new_console, new_table, write_json
from producers.cli.session import chosen_queues, visit
from streams.doctor.diagnose import diagnose
from streams.doctor.finding import Finding, Severity, exit_status
from streams.errors import ServerUnavailableError

_STYLES = {
    Severity.OK: "green",
    Severity.UNKNOWN: "dim",
    Severity.WARN: "yellow",
    Severity.FAIL: "bold red",
}


def doctor(
    *,
    queue: QueueName = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count: exit with 1.")] = False,
    redis_url: RedisUrl = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Check the server and the queues: what is wrong, and what to do about it."""
    found = anyio.run(_examine, redis_url, queue)
    if as_json:
        write_json(orjson.dumps(found, option=orjson.OPT_INDENT_2))
    else:
        new_console().print(_page(found))
    raise typer.Exit(exit_status([each.severity for each in found], strict=strict))


async def _examine(url: str, queue: str | None) -> list[Finding]:
    try:
        async with visit(url) as server:
            return await diagnose(server, url, await chosen_queues(server, queue))
    except ServerUnavailableError as error:
        return [Finding("connection", Severity.FAIL, str(error))]


def _page(found: list[Finding]) -> RenderableType:
    table = new_table("Doctor", ["queue", "check", "", "found"])
    for each in found:
        text = cell(each.found)
        if each.advice:
            text.append("  -> ")
            text.append_text(cell(each.advice, "dim"))
        table.add_row(
            cell(each.queue or "-"),
            cell(each.check),
            Text(each.severity.value, _STYLES[each.severity]),
            text,
        )
    counts = {
        severity: sum(each.severity is severity for each in found)
        for severity in (Severity.FAIL, Severity.WARN, Severity.UNKNOWN)
    }
    summary = ", ".join(f"{count} {name.value}" for name, count in counts.items() if count)
    return Group(table, Text(f"  {summary or 'All is well.'}"))
