"""`millstream schedules`: jobs that come again and again."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated, TypeVar

import anyio
import orjson
import typer

from producers.cli.boundary import CommandError
from producers.cli.editor import payload_from
from producers.cli.options import DEFAULT_URL, AsJson, RedisUrl
from producers.cli.output import new_console, write_json
from producers.cli.scheduletable import as_json as described
from producers.cli.scheduletable import listing, page
from producers.cli.session import visit
from producers.cli.times import span_ms
from producers.schedule.schedule import (
    MISSED_MAX,
    Missed,
    Overlap,
    schedule_of,
)
from producers.schedule.schedules import Schedules
from streams.job import ATTEMPTS_DEFAULT, ATTEMPTS_MAX

app = typer.Typer(
    help="Jobs that come again and again; `millstream scheduler` makes them come.",
    add_completion=False,
)

Queue = Annotated[str, typer.Option("--queue", "-q", help="The queue that gets the jobs.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The schedule's name.")]

_Answer = TypeVar("_Answer")
#: Runs that a list foresees for programs, and that `show` foresees at most.
NEXT_IN_LIST, NEXT_MAX = 1, 1000


@app.callback()
def schedules() -> None:
    """Jobs that come again and again."""


@app.command()
def add(
    name: Name,
    cron: Annotated[str, typer.Argument(help="Five fields, or an alias such as @hourly.")],
    kind: Annotated[str, typer.Argument(help="The kind of its jobs.")],
    *,
    queue: Queue,
    zone: Annotated[str, typer.Option(help="An IANA time zone.")] = "UTC",
    payload: Annotated[
        str, typer.Option(help="A JSON object, a file that holds one, or - for standard input.")
    ] = "{}",
    priority: Annotated[str, typer.Option(help="critical, high, normal or low.")] = "normal",
    attempts: Annotated[
        int, typer.Option(min=1, max=ATTEMPTS_MAX, help="Runs before a job is dead.")
    ] = ATTEMPTS_DEFAULT,
    timeout: Annotated[str | None, typer.Option(help="What one attempt may take: `90s`.")] = None,
    unique: Annotated[str | None, typer.Option(help="A slot for one live job.")] = None,
    missed: Annotated[
        Missed, typer.Option(help="Runs that nobody made: leave out, or make up for.")
    ] = Missed.LAST,
    missed_max: Annotated[
        int, typer.Option(min=1, max=MISSED_MAX, help="How many are made up for with `all`.")
    ] = 100,
    grace: Annotated[str, typer.Option(help="Later than this is missed, with `skip`.")] = "1m",
    overlap: Annotated[
        Overlap, typer.Option(help="Whether to start while the last job has not ended.")
    ] = Overlap.ALLOW,
    jitter: Annotated[str, typer.Option(help="Come up to so much later: `5m`.")] = "0s",
    paused: Annotated[bool, typer.Option("--paused", help="Keep it without letting it come.")] = (
        False
    ),
    replace: Annotated[
        bool, typer.Option("--replace", help="Take the place of one of this name.")
    ] = False,
    redis_url: RedisUrl = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Keep a schedule; it counts from now on."""
    schedule = schedule_of(
        {
            "name": name,
            "cron": cron,
            "zone": zone,
            "kind": kind,
            "payload": _payload(payload),
            "priority": priority,
            "attempts": attempts,
            "timeout": None if timeout is None else _span(timeout),
            "unique": unique,
            "missed": missed,
            "missed_max": missed_max,
            "grace": _span(grace),
            "overlap": overlap,
            "jitter": _span(jitter),
            "paused": paused,
        }
    )
    _on(redis_url, queue, lambda kept: kept.add(schedule, replace=replace))
    _show(redis_url, queue, name, 1, as_json=as_json)


@app.command("list")
def list_(*, queue: Queue, redis_url: RedisUrl = DEFAULT_URL, as_json: AsJson = False) -> None:
    """List all schedules of a queue, each with its next run."""
    known = _on(redis_url, queue, Schedules.all)
    if as_json:
        rows = [described(queue, each, NEXT_IN_LIST) for each in known]
        write_json(orjson.dumps(rows, option=orjson.OPT_INDENT_2))
    else:
        new_console().print(listing(queue, known))


@app.command()
def show(
    name: Name,
    *,
    queue: Queue,
    next_: Annotated[
        int, typer.Option("--next", min=1, max=NEXT_MAX, help="How many runs to foresee.")
    ] = 5,
    redis_url: RedisUrl = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Show one schedule and its next runs."""
    _show(redis_url, queue, name, next_, as_json=as_json)


@app.command()
def pause(
    name: Name, *, queue: Queue, redis_url: RedisUrl = DEFAULT_URL, as_json: AsJson = False
) -> None:
    """Let a schedule not come any more, until it is resumed."""
    is_new = _on(redis_url, queue, lambda kept: kept.pause(name))
    _say(name, "paused" if is_new else "was paused before", as_json=as_json)


@app.command()
def resume(
    name: Name, *, queue: Queue, redis_url: RedisUrl = DEFAULT_URL, as_json: AsJson = False
) -> None:
    """Let a paused schedule come again, from now on."""
    is_new = _on(redis_url, queue, lambda kept: kept.resume(name))
    _say(name, "resumed" if is_new else "was not paused", as_json=as_json)


@app.command("run-now")
def run_now(
    name: Name, *, queue: Queue, redis_url: RedisUrl = DEFAULT_URL, as_json: AsJson = False
) -> None:
    """Enqueue a job of a schedule beside its ticks."""
    job_id = _on(redis_url, queue, lambda kept: kept.run_now(name))
    _say(name, "enqueued", as_json=as_json, job=job_id)


@app.command()
def remove(
    name: Name, *, queue: Queue, redis_url: RedisUrl = DEFAULT_URL, as_json: AsJson = False
) -> None:
    """Keep a schedule no more; the jobs that it has asked for stay."""
    _on(redis_url, queue, lambda kept: kept.remove(name))
    _say(name, "removed", as_json=as_json)


def _on(url: str, queue: str, deed: Callable[[Schedules], Awaitable[_Answer]]) -> _Answer:
    """Do something to the schedules of *queue*."""

    async def visited() -> _Answer:
        async with visit(url) as server:
            return await deed(Schedules(server, queue))

    return anyio.run(visited)


def _show(url: str, queue: str, name: str, count: int, *, as_json: bool) -> None:
    known = _on(url, queue, lambda kept: kept.get(name))
    if as_json:
        write_json(orjson.dumps(described(queue, known, count), option=orjson.OPT_INDENT_2))
    else:
        new_console().print(page(queue, known, count))


def _say(name: str, done: str, *, as_json: bool, job: str | None = None) -> None:
    if as_json:
        write_json(orjson.dumps({"name": name, "done": done, "job": job}))
    else:
        typer.echo(f"{name}: {done}" + (f" {job}" if job else ""))


def _span(text: str) -> timedelta:
    return timedelta(milliseconds=span_ms(text))


def _payload(text: str) -> object:
    given = text.encode() if text.lstrip().startswith("{") else payload_from(text)
    try:
        return orjson.loads(given)
    except orjson.JSONDecodeError as error:
        raise CommandError(f"the payload is no JSON ({error})") from error
