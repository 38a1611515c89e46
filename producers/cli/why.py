"""`millstream why`: one answer to "why is this job not done?"."""

from typing import Annotated

import anyio
import typer
from pydantic import JsonValue
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from producers.cli.options import DEFAULT_URL, AsJson, QueueName, RedisUrl
from producers.cli.output import cell, new_console, write_json
from producers.cli.session import chosen_queues, visit
from producers.cli.text import age, moment, plain
from streams.job import require_id
from streams.keys import Keys
from streams.server import Server
from streams.why.ended import explain_unknown
from streams.why.explain import explain
from streams.why.explanation import Explanation, Reason
from streams.why.facts import JobFacts
from streams.why.gather import gather, ids_that_begin_with

#: The queue that is asked first: its jobs are what the quick start makes.
FIRST_QUEUE = "tiles"
#: A word in green, red, yellow, or none of them.
_STYLES = {
    Reason.COMPLETED: "bold green",
    Reason.RUNNING: "bold cyan",
    Reason.NEXT: "bold cyan",
    Reason.DEAD: "bold red",
    Reason.BODY_LOST: "bold red",
    Reason.NOWHERE: "bold red",
    Reason.NO_WORKER: "bold red",
    Reason.SERVER_REFUSES: "bold red",
    Reason.UNKNOWN: "bold red",
}


def why(
    job_id: Annotated[
        str, typer.Argument(metavar="JOB", help="The job's id, or a beginning that only it has.")
    ],
    *,
    queue: QueueName = None,
    redis_url: RedisUrl = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Say why a job is where it is, what happens next, and what you can do."""
    require_id(job_id)
    explanation = anyio.run(_why, redis_url, queue, job_id)
    if as_json:
        write_json(explanation.to_json())
    else:
        new_console().print(_page(explanation))
    if explanation.reason is Reason.UNKNOWN:
        raise typer.Exit(1)


async def _why(url: str, queue: str | None, job_id: str) -> Explanation:
    async with visit(url) as server:
        places = [Keys(queue)] if queue else await _places(server)
        strangers: list[JobFacts] = []
        for keys in places:
            facts = await gather(server, keys, job_id)
            if facts.is_known:
                return explain(facts)
            strangers.append(facts)
        return await _by_beginning(server, places, strangers, job_id)


async def _by_beginning(
    server: Server, places: list[Keys], strangers: list[JobFacts], job_id: str
) -> Explanation:
    """The one job whose id begins so; or what is like it; or that there is nothing."""
    found = [
        (keys, name) for keys in places for name in await ids_that_begin_with(server, keys, job_id)
    ]
    if len(found) == 1:
        keys, name = found[0]
        return explain(await gather(server, keys, name))
    holding = next((facts for facts in strangers if facts.unique_holder), strangers[0])
    return explain_unknown(
        holding,
        resembling=[f"{name} ({keys.queue})" for keys, name in found],
        queues=list(dict.fromkeys(keys.queue for keys in places)),
    )


async def _places(server: Server) -> list[Keys]:
    """All partitions, `FIRST_QUEUE` first; a queue of delayed jobs alone has no stream yet."""
    first = Keys(FIRST_QUEUE)
    return [first, *(keys for keys in await chosen_queues(server, None) if keys != first)]


def _page(explanation: Explanation) -> RenderableType:
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim")
    for name, value in explanation.facts.items():
        if value != 0 or isinstance(value, bool):
            facts.add_row(*_row(name, value))
    style = _STYLES.get(explanation.reason, "bold yellow")
    heading = Text.assemble(
        "Job ", cell(explanation.id, "bold"), " is ", Text(explanation.state, style), ". "
    )
    parts: list[RenderableType] = [
        heading + Text(plain(explanation.sentence)),
        Text(f"Next: {plain(explanation.next)}"),
    ]
    if explanation.advice:
        parts.append(Text(f"You can: {plain(explanation.advice)}"))
    return Group(*parts, Text(), facts)


def _row(name: str, value: JsonValue) -> tuple[Text, Text]:
    """A fact in words; its unit, the last part of its name, becomes a form of the value."""
    if isinstance(value, int) and name.endswith("_at_ms"):
        return Text(name.removesuffix("_at_ms").replace("_", " ")), Text(moment(value))
    if isinstance(value, int) and name.endswith("_ms"):
        return Text(name.removesuffix("_ms").replace("_", " ")), Text(age(value))
    if isinstance(value, bool):
        return Text(name.replace("_", " ")), Text("yes" if value else "no")
    shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return Text(name.replace("_", " ")), cell(shown, chars_max=400)
