"""`millstream jobs`: lists of jobs, the story of one, and changing it."""

import time
from typing import Annotated

import anyio
import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from producers.cli.history import history
from producers.cli.jobchanges import cancel_, remove_, reprioritise_
from producers.cli.jobfinding import find_job
from producers.cli.joblist import list_
from producers.cli.options import DEFAULT_URL, AsJson, QueueName, RedisUrl
from producers.cli.output import cell, new_console, write_json
from producers.cli.text import age, since
from producers.cli.watching import watch
from streams.job import require_id
from streams.jobs import JobView
from streams.state import State

app = typer.Typer(
    help="Lists of jobs, what became of one, and changing it.",
    no_args_is_help=False,
    add_completion=False,
)

app.command()(watch)


@app.callback()
def jobs() -> None:
    """Lists of jobs, what became of one, and changing it."""


app.command("list")(list_)
app.command("cancel")(cancel_)
app.command("remove")(remove_)
app.command("reprioritise")(reprioritise_)


@app.command()
def show(
    job_id: Annotated[str, typer.Argument(metavar="ID", help="The job's id.")],
    *,
    queue: QueueName = None,
    redis_url: RedisUrl = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Tell the story of a job: where it is, its attempts, its errors, its result."""
    require_id(job_id)
    view = anyio.run(find_job, redis_url, queue, job_id)
    if as_json:
        write_json(view.to_json())
    else:
        _print(new_console(), view, time.time_ns() // 1_000_000)


def _print(console: Console, view: JobView, now_ms: int) -> None:
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim")
    for name, text in _facts(view, now_ms):
        facts.add_row(name, cell(text))
    console.print(Text.assemble("Job ", cell(view.id, "bold"), " is ", _state(view)))
    console.print(facts)
    console.print()
    console.print(history(view.history))


def _state(view: JobView) -> Text:
    styles = {State.COMPLETED: "bold green", State.DEAD: "bold red", State.RUNNING: "bold cyan"}
    return Text(view.state.value, styles.get(view.state, "bold"))


def _facts(view: JobView, now_ms: int) -> list[tuple[str, str]]:
    facts = [
        ("queue", f"{view.queue}, {view.priority.value}"),
        ("kind", view.kind or "(none)"),
        ("enqueued", "-" if view.enqueued_ms is None else since(view.enqueued_ms, now_ms)),
        ("where", _where(view, now_ms)),
        ("attempt", _attempt(view)),
    ]
    if view.result is not None:
        facts.append(("result", orjson.dumps(view.result).decode()))
    return facts


def _where(view: JobView, now_ms: int) -> str:
    ended = "" if view.ended_ms is None else f" {since(view.ended_ms, now_ms)}"
    match view.state:
        case State.READY:
            back = "handed back, and " if view.released else ""
            return (
                f"{back}waiting for a consumer in the {view.priority.value} stream ({view.entry})"
            )
        case State.DELAYED:
            snoozed = bool(view.history) and view.history[-1].get("outcome") == "snoozed"
            how = "put off by its handler" if snoozed else "parked"
            why = f"{how} ({view.parked}), " if view.parked else ""
            due = "-" if view.due_ms is None else age(view.due_ms - now_ms)
            return f"{why}waiting for its time, due in {due}"
        case State.RUNNING:
            return (
                f"with {view.owner}, last heard {age(view.silent_ms)} ago "
                f"(delivery {view.deliveries}, entry {view.entry})"
            )
        case State.COMPLETED:
            return f"completed{ended}"
        case State.CANCELLED:
            return f"cancelled{ended}"
        case State.DEAD:
            return (
                f"died{ended}, {view.cause}; dead letter {view.dead_entry} "
                f"(millstream dead replay {view.dead_entry} makes it run again)"
            )


def _attempt(view: JobView) -> str:
    limit = "" if view.attempts_max is None else f" of {view.attempts_max}"
    extras = [
        f"{count} {what}"
        for count, what in (
            (view.losses, "lost with their consumer"),
            (view.released, "handed back"),
            (view.replays, "replayed"),
        )
        if count
    ]
    return ", ".join([f"{view.attempt}{limit}", *extras])
