"""`millstream jobs watch`: what happens to jobs, line by line, as it happens."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Annotated

import anyio
import orjson
import typer
from rich.console import Console
from rich.text import Text

from producers.cli.jobfinding import find_job
from producers.cli.options import DEFAULT_URL, AsJson, QueueName, RedisUrl
from producers.cli.output import cell, new_console, write_json
from producers.cli.session import visit
from producers.cli.text import moment
from producers.following import Following
from streams.events import Gap, JobEvent
from streams.job import require_id
from streams.keys import Keys
from streams.state import State

_STYLES = {State.COMPLETED: "green", State.DEAD: "red", State.RUNNING: "cyan"}


def watch(
    job_ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID]...", help="The jobs, all of one queue; none: all of --queue."),
    ] = None,
    *,
    queue: QueueName = None,
    redis_url: RedisUrl = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Write what happens to jobs, until they have ended or Ctrl-C."""
    ids = job_ids or []
    for each in ids:
        require_id(each)
    if not ids and queue is None:
        raise typer.BadParameter("name jobs, or a queue with --queue")
    anyio.run(_watch, redis_url, queue, ids, as_json)


async def _watch(url: str, queue: str | None, ids: Sequence[str], as_json: bool) -> None:  # noqa: FBT001 - anyio.run
    name = queue or (await find_job(url, None, ids[0])).queue
    console = new_console()
    async with visit(url) as server:
        following = Following(server, Keys(name))
        events: AsyncGenerator[JobEvent | Gap] = (
            following.events(ids) if ids else following.all_events()
        )
        async with aclosing(events):
            async for event in events:
                if as_json:
                    write_json(_packed(event))
                else:
                    _print(console, event)
        await following.close()


def _packed(event: JobEvent | Gap) -> bytes:
    return orjson.dumps({"happening": "gap"} if isinstance(event, Gap) else event)


def _print(console: Console, event: JobEvent | Gap) -> None:
    if isinstance(event, Gap):
        console.print(Text("what was before is not known", "dim"))
        return
    at = datetime.fromtimestamp(event.at_ms / 1000, tz=UTC).strftime("%H:%M:%S.%f")[:-3]
    line = Text.assemble(
        (f"{at}  ", "dim"),
        cell(event.id, "bold"),
        "  ",
        (f"{event.happening.value:12}", _STYLES.get(event.state, "")),
        "  ",
        cell("  ".join(_details(event))),
    )
    console.print(line, soft_wrap=True)


def _details(event: JobEvent) -> list[str]:
    found = [event.kind]
    if event.happening.value != event.state.value:
        found.append(event.state.value)
    if event.attempt > 1:
        found.append(f"attempt {event.attempt}")
    if event.tenant:
        found.append(f"for {event.tenant}")
    if event.due_ms is not None:
        found.append(f"due {moment(event.due_ms)}")
    if event.progress is not None:
        found.append(f"{event.progress.fraction:.0%} {event.progress.message}".rstrip())
    if event.cause:
        found.append(event.cause)
    return found
