"""`millstream queues`: what waits, what runs, and who runs it."""

from collections.abc import Sequence
from typing import Annotated, Any

import anyio
import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text
from typer.core import TyperGroup

from producers.cli.options import DEFAULT_URL, AsJson, RedisUrl
from producers.cli.output import cell, new_console, new_table, write_json
from producers.cli.queueclear import clear_
from producers.cli.queuegate import drain, pause, reopen, resume
from producers.cli.queuestats import stats
from producers.cli.session import chosen_queues, label, visit
from producers.cli.text import age
from streams.inspection import ConsumerReport, QueueReport, inspect_queue
from streams.server import Server

#: A consumer that was not heard for so long may have lost its jobs to others: the lease
#: that workers have by default.
SILENT_MS = 10_000


class _ShowUnlessNamed(TyperGroup):
    """`queues` and `queues NAME` show; only the name of a command is one.

    A queue that is called like a command is shown by `queues show NAME`.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the command in front where none is named."""
        first = args[0] if args else ""
        is_named = first in self.commands or first in {"--help", "-h"}
        return list(super().parse_args(ctx, args if is_named else ["show", *args]))


app = typer.Typer(
    cls=_ShowUnlessNamed,
    help="What waits, runs and died, queue by queue; stopping and emptying one.",
    add_completion=False,
)
app.command("pause")(pause)
app.command("resume")(resume)
app.command("drain")(drain)
app.command("reopen")(reopen)
app.command("clear")(clear_)
app.command("stats")(stats)


@app.callback()
def queues() -> None:
    """What waits, runs and died, queue by queue; stopping and emptying one."""


@app.command()
def show(
    name: Annotated[
        str | None, typer.Argument(help="Only this queue, with its levels and counters.")
    ] = None,
    *,
    watch_s: Annotated[
        float | None,
        typer.Option("--watch", min=0.2, help="Look again every so many seconds, until Ctrl-C."),
    ] = None,
    redis_url: RedisUrl = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Show what waits, what runs, and who runs it (also without the word `show`)."""
    if as_json and watch_s is not None:
        raise typer.BadParameter("--json shows one look: leave out --watch")
    if watch_s is None:
        anyio.run(_show, redis_url, name, as_json)
    else:
        anyio.run(_watch, redis_url, name, watch_s)


async def _show(url: str, name: str | None, as_json: bool) -> None:  # noqa: FBT001 - anyio.run
    async with visit(url) as server:
        reports = await _reports(server, name)
    if as_json:
        write_json(b"[" + b",\n".join(report.to_json() for report in reports) + b"]")
    else:
        new_console().print(_page(reports, in_full=name is not None))


async def _watch(url: str, name: str | None, watch_s: float) -> None:
    console = new_console()
    async with visit(url) as server:
        with Live(console=console, auto_refresh=False) as live:
            while True:
                page = _page(await _reports(server, name), in_full=name is not None)
                if console.is_terminal:
                    live.update(page, refresh=True)
                else:
                    console.print(page)
                await anyio.sleep(watch_s)


async def _reports(server: Server, name: str | None) -> list[QueueReport]:
    found = await chosen_queues(server, name)
    return [await inspect_queue(server.client, keys) for keys in found]


def _page(reports: Sequence[QueueReport], *, in_full: bool) -> RenderableType:
    if not reports:
        return Text("There are no queues on this Redis yet.")
    parts: list[RenderableType] = [_overview(reports), *_stops(reports)]
    if in_full:
        parts += [_levels(report) for report in reports]
    if any(report.consumers for report in reports):
        parts.append(_consumers(reports))
    else:
        parts.append(Text("  Nobody consumes: start a worker with `millstream-worker SYSTEM`.\n"))
    if in_full:
        parts += [_counters(report) for report in reports if report.counters]
    return Group(*parts)


def _overview(reports: Sequence[QueueReport]) -> RenderableType:
    numbers = ["undelivered", "delayed", "running", "dead", "oldest", "workers"]
    table = new_table("Queues", ["queue", *numbers], numbers=numbers)
    for report in reports:
        table.add_row(
            cell(label(report.queue, report.partition)),
            str(report.undelivered),
            str(report.delayed),
            str(report.running),
            cell(str(report.dead), "red" if report.dead else ""),
            age(report.oldest_ms),
            str(len(report.consumers)),
        )
    return table


def _stops(reports: Sequence[QueueReport]) -> list[RenderableType]:
    """A line for each queue of which something is stopped."""
    return [
        cell(f"  {label(each.queue, each.partition)}: {each.gate}\n", "yellow")
        for each in reports
        if str(each.gate)
    ]


def _levels(report: QueueReport) -> RenderableType:
    numbers = ["undelivered", "handed back", "running", "oldest waiting", "oldest running"]
    name = label(report.queue, report.partition)
    table = new_table(f"Levels of {name}", ["level", *numbers], numbers=numbers)
    for level in report.levels:
        table.add_row(
            level.priority.value,
            str(level.undelivered),
            str(level.handed_back),
            str(level.running),
            age(level.oldest_waiting_ms),
            age(level.oldest_pending_ms),
        )
    return table


def _consumers(reports: Sequence[QueueReport]) -> RenderableType:
    numbers = ["running", "of", "idle", "last beat"]
    columns = ["queue", "consumer", "host", *numbers]
    table = new_table("Consumers", columns, numbers=numbers)
    for report in reports:
        for consumer in report.consumers:
            table.add_row(
                cell(label(report.queue, report.partition)),
                cell(consumer.name),
                cell(consumer.worker.host if consumer.worker else "-"),
                str(consumer.pending),
                str(consumer.worker.concurrency) if consumer.worker else "-",
                age(consumer.idle_ms),
                _beat(consumer, report.now_ms),
            )
    return table


def _beat(consumer: ConsumerReport, now_ms: int) -> Text:
    if consumer.worker is None:
        return cell("left", "dim")
    silent_ms = max(0, now_ms - consumer.worker.beat_ms)
    return cell(age(silent_ms), "red" if silent_ms > SILENT_MS else "")


def _counters(report: QueueReport) -> RenderableType:
    name = label(report.queue, report.partition)
    table = new_table(f"Counted in {name} so far", ["what", "times"], numbers=["times"])
    for what, times in report.counters.items():
        table.add_row(cell(what), str(times))
    return table
