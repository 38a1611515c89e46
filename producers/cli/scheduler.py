"""`millstream scheduler`: makes the schedules of a queue come, until it is told to end."""

import asyncio
import signal
from typing import Annotated

import anyio
import typer

from producers.cli.options import DEFAULT_URL, RedisUrl
from producers.cli.session import visit
from producers.cli.text import one_line
from producers.schedule.scheduler import Scheduler

_CHARS_MAX = 500


def scheduler(
    *,
    queue: Annotated[str, typer.Option("--queue", "-q", help="The queue of the schedules.")],
    redis_url: RedisUrl = DEFAULT_URL,
) -> None:
    """Fire the schedules of a queue until SIGTERM. Any number may run; each tick is one job."""
    anyio.run(_run, redis_url, queue)


async def _run(url: str, queue: str) -> None:
    stopping = anyio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with visit(url) as server:
        running = Scheduler(server, queue, say=_say)
        _say(f"fires the schedules of {queue}")
        await running.run(stopping)
    _say("ended")


def _say(line: str) -> None:
    typer.echo(f"scheduler: {one_line(line, chars_max=_CHARS_MAX)}")
