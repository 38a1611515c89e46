"""`millstream queues clear`: ending all jobs that wait."""

import sys
import time
from collections.abc import Sequence
from typing import Annotated

import anyio
import orjson
import typer

from producers.cli.jobstates import state_of, state_word
from producers.cli.options import (
    DEFAULT_URL,
    AsJson,
    LevelNames,
    QueueArgument,
    RedisUrl,
    Yes,
    chosen_levels,
)
from producers.cli.output import write_json
from producers.cli.session import chosen_queues, visit
from producers.handle import ENDED_TTL
from streams.clear import CLEARABLE, Cleared, clear
from streams.depth import read_depth
from streams.priority import LEVELS, Priority
from streams.state import State

#: Between two words about how far it is.
TELL_S = 2.0


def clear_(
    queue: QueueArgument,
    *,
    states: Annotated[
        list[str] | None,
        typer.Option(
            "--state",
            help="waiting, delayed or running; may be given again. Running jobs are asked to end, "
            "by their workers.  [default: waiting and delayed]",
        ),
    ] = None,
    levels: LevelNames = None,
    yes: Yes = False,
    redis_url: RedisUrl = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """End the jobs that wait; their records say cancelled. Running ones are left alone."""
    chosen = [state_of(word) for word in states or ("waiting", "delayed")]
    if bad := [state_word(state) for state in chosen if state not in CLEARABLE]:
        raise typer.BadParameter(f"jobs that are {', '.join(bad)} cannot be cleared")
    here = chosen_levels(levels)
    if not yes:
        question = anyio.run(_question, redis_url, queue, chosen, here)
        typer.confirm(question, abort=True, err=as_json)
    done = anyio.run(_clear, redis_url, queue, chosen, here)
    if as_json:
        row = {"cancelled": done.cancelled, "asked": done.asked, "left": done.left}
        write_json(orjson.dumps({"queue": queue} | row))
    else:
        typer.echo(_words(done))


async def _question(
    url: str, queue: str, states: Sequence[State], levels: Sequence[Priority]
) -> str:
    """What would be ended, with its numbers."""
    waiting = running = delayed = 0
    async with visit(url) as server:
        for keys in await chosen_queues(server, queue):
            depth = await read_depth(server, keys)
            waiting += sum(depth.levels[level].waiting for level in levels)
            running += sum(depth.levels[level].active for level in levels)
            delayed += depth.delayed
    counts = {State.READY: waiting, State.RUNNING: running, State.DELAYED: delayed}
    which = "" if len(levels) == len(LEVELS) else f" of priority {', '.join(levels)}"
    # What is delayed is counted over all levels: only each record says which is its own.
    some = "up to " if which and State.DELAYED in states else ""
    parts = " and ".join(f"{counts[state]} {state_word(state)}" for state in states)
    return f"End {some}{parts} jobs{which} of the queue '{queue}'?"


async def _clear(
    url: str, queue: str, states: Sequence[State], levels: Sequence[Priority]
) -> Cleared:
    total, told_s = Cleared(), time.monotonic()
    ttl_ms = round(ENDED_TTL.total_seconds() * 1000)
    async with visit(url) as server:
        for keys in await chosen_queues(server, queue):
            done = Cleared()
            async for done in clear(
                server, keys, states=states, levels=levels, ended_ttl_ms=ttl_ms
            ):
                if time.monotonic() - told_s >= TELL_S:
                    told_s = time.monotonic()
                    sys.stderr.write(f"{_words(done)}\n")
                    sys.stderr.flush()
            total = Cleared(
                total.cancelled + done.cancelled, total.asked + done.asked, total.left + done.left
            )
    return total


def _words(done: Cleared) -> str:
    parts = [f"{done.cancelled} cancelled"]
    if done.asked:
        parts.append(f"{done.asked} asked to end")
    if done.left:
        parts.append(f"{done.left} left alone: they began, moved or ended meanwhile")
    return ", ".join(parts)
