"""`millstream queues stats`: how much there is, how fast it goes, how much fails."""

from collections.abc import Sequence
from typing import Annotated

import anyio
import orjson
import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from producers.cli.options import DEFAULT_URL, AsJson, RedisUrl
from producers.cli.output import cell, new_console, new_table, write_json
from producers.cli.session import chosen_queues, label, visit
from producers.manager import MINUTES_DEFAULT
from streams.depth import Depth, read_depth
from streams.keys import Keys
from streams.statistics import MINUTES, PERCENTILE_ERROR, Statistics, read_statistics

_SECOND_MS = 1000
_Seen = tuple[Keys, Depth, Statistics]


def stats(
    name: Annotated[
        str | None, typer.Argument(metavar="QUEUE", help="Only this queue.  [default: all]")
    ] = None,
    *,
    minutes: Annotated[
        int, typer.Option(min=1, max=MINUTES, help="How far to look back, this minute included.")
    ] = MINUTES_DEFAULT,
    redis_url: RedisUrl = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Show what each queue holds, how fast its jobs run, and how many fail."""
    seen = anyio.run(_look, redis_url, name, minutes)
    if as_json:
        write_json(orjson.dumps([_row(*each) for each in seen], option=orjson.OPT_INDENT_2))
    elif not seen:
        new_console().print(Text("There are no queues on this Redis yet."))
    else:
        new_console().print(_page(seen, minutes))


async def _look(url: str, name: str | None, minutes: int) -> list[_Seen]:
    async with visit(url) as server:
        return [
            (
                keys,
                await read_depth(server, keys),
                await read_statistics(server, keys, minutes=minutes),
            )
            for keys in await chosen_queues(server, name)
        ]


def _row(keys: Keys, depth: Depth, runs: Statistics) -> dict[str, object]:
    return {
        "queue": keys.queue,
        "partition": keys.partition,
        "waiting": depth.waiting,
        "active": depth.active,
        "delayed": depth.delayed,
        "dead": depth.dead,
        "levels": {level.value: numbers for level, numbers in depth.levels.items()},
        "totals": dict(depth.totals),
        "runs": runs,
    }


def _page(seen: Sequence[_Seen], minutes: int) -> RenderableType:
    return Group(
        _holding(seen),
        _runs(seen, minutes),
        Text(f"  A run is one attempt. Percentiles may be off by {PERCENTILE_ERROR:.0%}.\n", "dim"),
    )


def _holding(seen: Sequence[_Seen]) -> Table:
    numbers = ["waiting", "active", "delayed", "completed", "failed", "dead"]
    table = new_table("Jobs", ["queue", "priority", *numbers], numbers=numbers)
    for keys, depth, _ in seen:
        name = label(keys.queue, keys.partition)
        totals = depth.totals
        table.add_row(
            cell(name),
            "all",
            str(depth.waiting),
            str(depth.active),
            str(depth.delayed),
            str(totals.get("completed", 0)),
            str(totals.get("dead", 0)),
            cell(str(depth.dead), "red" if depth.dead else ""),
        )
        for level, held in depth.levels.items():
            table.add_row("", level.value, str(held.waiting), str(held.active), "", "", "", "")
    return table


def _runs(seen: Sequence[_Seen], minutes: int) -> Table:
    numbers = ["completed", "failed", "runs/s", "success", "mean", "p50", "p95", "p99"]
    table = new_table(
        f"Runs in the last {minutes} minutes" if minutes > 1 else "Runs in this minute",
        ["queue", *numbers],
        numbers=numbers,
    )
    for keys, _, runs in seen:
        rate = "-" if runs.success_rate is None else f"{runs.success_rate:.1%}"
        table.add_row(
            cell(label(keys.queue, keys.partition)),
            str(runs.completed),
            str(runs.failed),
            f"{runs.per_s:.1f}",
            rate,
            *map(_span, (runs.mean_ms, runs.p50_ms, runs.p95_ms, runs.p99_ms)),
        )
    return table


def _span(ms: float | None) -> str:
    """A time to three digits: more would claim a wrong precision."""
    if ms is None:
        return "-"
    return f"{ms:.3g} ms" if ms < _SECOND_MS else f"{ms / _SECOND_MS:.1f} s"
