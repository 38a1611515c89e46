"""`millstream queues pause, resume, drain, reopen`: what goes into a queue and out of it."""

import sys
import time
from collections.abc import Awaitable, Callable
from typing import Annotated

import anyio
import orjson
import typer

from producers.cli.boundary import CommandError
from producers.cli.options import (
    DEFAULT_URL,
    AsJson,
    By,
    LevelNames,
    QueueArgument,
    RedisUrl,
    chosen_levels,
)
from producers.cli.output import write_json
from producers.cli.session import chosen_queues, label, visit
from producers.cli.text import age, one_line
from producers.cli.times import span_ms
from streams import gate as stops
from streams.depth import Depth, read_depth
from streams.gate import Gate, read_gate
from streams.keys import Keys
from streams.server import Server

#: Between two looks at a queue that is to become empty, and between two words about it.
LOOK_S, TELL_S = 0.25, 2.0

Reason = Annotated[str, typer.Option(help="Why: is kept, and shown to whoever asks.")]


def pause(
    queue: QueueArgument,
    *,
    levels: LevelNames = None,
    reason: Reason = "",
    by: By = "unknown",
    redis_url: RedisUrl = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Let workers take nothing more; jobs still arrive, and those that run go on."""
    chosen = chosen_levels(levels)
    _change(
        redis_url,
        queue,
        lambda server, keys: stops.pause(server, keys, chosen, by=by, reason=reason),
        as_json=as_json,
    )


def resume(
    queue: QueueArgument,
    *,
    levels: LevelNames = None,
    redis_url: RedisUrl = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Let workers take jobs again, within a second."""
    chosen = chosen_levels(levels)
    _change(
        redis_url, queue, lambda server, keys: stops.resume(server, keys, chosen), as_json=as_json
    )


def drain(
    queue: QueueArgument,
    *,
    reason: Reason = "",
    by: By = "unknown",
    wait: Annotated[bool, typer.Option("--wait", help="Until the queue is empty.")] = False,
    ignore_delayed: Annotated[
        bool, typer.Option("--ignore-delayed", help="It is empty though jobs wait for their time.")
    ] = False,
    timeout: Annotated[
        str | None, typer.Option(help="Wait no longer than this: `10m`; exit status 1.")
    ] = None,
    redis_url: RedisUrl = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Take no new jobs while workers empty the queue; `reopen` ends it."""
    timeout_s = None if timeout is None else span_ms(timeout) / 1000
    _change(
        redis_url,
        queue,
        lambda server, keys: stops.drain(server, keys, by=by, reason=reason),
        as_json=as_json and not wait,
    )
    if wait:
        delayed = anyio.run(_wait, redis_url, queue, ignore_delayed, timeout_s)
        if as_json:
            write_json(orjson.dumps({"queue": queue, "empty": True, "delayed": delayed}))
        else:
            typer.echo(f"{queue} is empty" + (f", but for {delayed} delayed" if delayed else ""))


def reopen(
    queue: QueueArgument, *, redis_url: RedisUrl = DEFAULT_URL, as_json: AsJson = False
) -> None:
    """Take new jobs again."""
    _change(redis_url, queue, stops.reopen, as_json=as_json)


def _change(
    url: str,
    queue: str,
    change: Callable[[Server, Keys], Awaitable[object]],
    *,
    as_json: bool,
) -> None:
    """Do it to every partition, and say what is stopped then."""

    async def run() -> list[tuple[Keys, Gate, bool]]:
        async with visit(url) as server:
            found: list[tuple[Keys, Gate, bool]] = []
            for keys in await chosen_queues(server, queue):
                changed = bool(await change(server, keys))
                found.append((keys, await read_gate(server.client, keys), changed))
            return found

    for keys, gate, changed in anyio.run(run):
        if as_json:
            row = {"queue": keys.queue, "partition": keys.partition, "changed": changed}
            write_json(orjson.dumps(row | gate.as_json()))
        else:
            before = "" if changed else " (as before)"
            said = one_line(str(gate)) or "nothing is stopped"
            typer.echo(f"{label(keys.queue, keys.partition)}: {said}{before}")


async def _wait(
    url: str,
    queue: str,
    ignore_delayed: bool,  # noqa: FBT001 - anyio.run
    timeout_s: float | None,
) -> int:
    """Look again and again, and say how far it is; how many wait for their time at the end."""
    told_s, began_s = -TELL_S, time.monotonic()
    async with visit(url) as server:
        places = await chosen_queues(server, queue)
        while True:
            depths = [await read_depth(server, keys) for keys in places]
            delayed = sum(depth.delayed for depth in depths)
            if not sum(depth.undone for depth in depths) - (delayed if ignore_delayed else 0):
                return delayed
            now_s = time.monotonic()
            if now_s - told_s >= TELL_S:
                told_s = now_s
                paused = any([(await read_gate(server.client, keys)).paused for keys in places])
                hint = "; it is paused: nothing will be taken" if paused else ""
                sys.stderr.write(f"{_words(depths)}{hint}\n")
                sys.stderr.flush()
            if timeout_s is not None and now_s - began_s >= timeout_s:
                raise CommandError(
                    f"{queue} is not empty after {age(round(timeout_s * 1000))} "
                    f"({_words(depths)}): it goes on draining; see `millstream queues {queue}`"
                )
            await anyio.sleep(LOOK_S)


def _words(depths: list[Depth]) -> str:
    waiting, active = sum(each.waiting for each in depths), sum(each.active for each in depths)
    return f"{waiting} waiting, {active} running, {sum(each.delayed for each in depths)} delayed"
