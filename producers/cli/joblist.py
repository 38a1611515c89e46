"""`millstream jobs list`: the jobs of a queue in one state, a page at a time."""

import re
import sys
import time
from typing import Annotated

import anyio
import orjson
import typer
from rich.table import Table

from producers.cli.boundary import CommandError
from producers.cli.jobstates import state_of, state_word
from producers.cli.options import DEFAULT_URL, AsJson, QueueArgument, RedisUrl, level_of
from producers.cli.output import cell, new_console, new_table, write_json
from producers.cli.session import chosen_queues, visit
from producers.cli.text import age
from streams.listed import JobPage, ListedJob
from streams.listing import PAGE_MAX, list_jobs
from streams.priority import Priority
from streams.state import State

_CURSOR = re.compile(r"(\d{1,9}):(.*)")


def list_(
    queue: QueueArgument,
    *,
    state: Annotated[
        str, typer.Option("--state", "-s", help="waiting, running, delayed or dead.")
    ] = "waiting",
    priority: Annotated[
        str | None, typer.Option("--priority", "-p", help="Only this level.  [default: all]")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=PAGE_MAX, help="Jobs a page.")] = 50,
    cursor: Annotated[str, typer.Option(help="Go on where the page before has ended.")] = "",
    redis_url: RedisUrl = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """List jobs by their state, a page at a time; completed ones are in no list."""
    wanted = state_of(state)
    level = None if priority is None else level_of(priority)
    page = anyio.run(_page, redis_url, queue, wanted, level, limit, cursor)
    if as_json:
        for job in page.jobs:
            write_json(orjson.dumps(job))
        if page.next_cursor:
            sys.stderr.write(f"next page: --cursor {page.next_cursor}\n")
    else:
        new_console().print(_table(queue, wanted, page, time.time_ns() // 1_000_000))


async def _page(
    url: str, queue: str, state: State, level: Priority | None, limit: int, cursor: str
) -> JobPage:
    """A page of one partition; its cursor says of which."""
    async with visit(url) as server:
        places = {keys.partition: keys for keys in await chosen_queues(server, queue)}
        match = _CURSOR.fullmatch(cursor or f"{min(places)}:")
        if match is None or int(match[1]) not in places:
            raise CommandError(
                f"{cursor!r:.80} is no place in this list: a cursor is what the page before says"
            )
        number = int(match[1])
        page = await list_jobs(
            server, places[number], state, priority=level, limit=limit, cursor=match[2]
        )
        following = next((each for each in sorted(places) if each > number), None)
        if page.next_cursor:
            return JobPage(page.jobs, f"{number}:{page.next_cursor}")
        return JobPage(page.jobs, "" if following is None else f"{following}:")


def _table(queue: str, state: State, page: JobPage, now_ms: int) -> Table:
    columns, numbers = {
        State.READY: (["age"], ["age"]),
        State.RUNNING: (["age", "consumer", "heard", "delivery"], ["age", "heard", "delivery"]),
        State.DELAYED: (["due in", "attempt"], ["due in", "attempt"]),
    }.get(state, (["died", "cause"], ["died"]))
    table = new_table(
        f"Jobs of {queue} that are {state_word(state)}",
        ["id", "priority", "kind", *columns, "bytes"],
        numbers=[*numbers, "bytes"],
    )
    for job in page.jobs:
        table.add_row(
            cell(job.id),
            job.priority.value,
            cell(job.kind),
            *(cell(text, chars_max=60) for text in _said(job, now_ms)),
            str(job.payload_bytes),
        )
    if page.next_cursor:
        table.caption = f"next page: --cursor {page.next_cursor}"
        table.caption_justify = "left"
    return table


def _said(job: ListedJob, now_ms: int) -> list[str]:
    waited = "-" if job.enqueued_ms is None else age(max(0, now_ms - job.enqueued_ms))
    match job.state:
        case State.READY:
            return [waited]
        case State.RUNNING:
            return [waited, job.owner, age(job.silent_ms), str(job.deliveries)]
        case State.DELAYED:
            return [age(max(0, (job.due_ms or 0) - now_ms)), str(job.attempt)]
        case _:
            return [f"{age(max(0, now_ms - (job.ended_ms or 0)))} ago", job.cause]
