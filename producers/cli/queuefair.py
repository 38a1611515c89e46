"""`millstream queues fair`: tenants that share a queue in turn."""

from enum import StrEnum
from typing import Annotated

import anyio
import orjson
import typer

from producers.cli.options import DEFAULT_URL, AsJson, QueueArgument, RedisUrl
from producers.cli.output import write_json
from producers.cli.session import chosen_queues, label, visit
from streams.backlog import WINDOW, WINDOW_MAX, share, stop_sharing
from streams.keys import Keys
from streams.server import Server


class Switch(StrEnum):
    """On or off."""

    ON = "on"
    OFF = "off"


def fair(
    queue: QueueArgument,
    switch: Annotated[Switch, typer.Argument(help="on or off.")],
    *,
    window: Annotated[
        int,
        typer.Option(min=1, max=WINDOW_MAX, help="Jobs that wait in a stream, before any turn."),
    ] = WINDOW,
    redis_url: RedisUrl = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Let tenants share the workers in turn, whoever sends how much; or take jobs as they come."""
    is_on = switch is Switch.ON
    for keys, changed in anyio.run(_switch, redis_url, queue, window if is_on else 0):
        if as_json:
            row = {"queue": keys.queue, "partition": keys.partition, "changed": changed}
            write_json(orjson.dumps(row | {"fair": is_on, "window": window if is_on else 0}))
        else:
            said = "tenants share it in turn" if is_on else "jobs are taken as they come"
            before = "" if changed else " (as before)"
            typer.echo(f"{label(keys.queue, keys.partition)}: {said}{before}")


async def _switch(url: str, queue: str, window: int) -> list[tuple[Keys, bool]]:
    """Every partition, and whether that changed anything; *window* 0 switches it off."""
    async with visit(url) as server:
        return [
            (keys, await _change(server, keys, window))
            for keys in await chosen_queues(server, queue)
        ]


async def _change(server: Server, keys: Keys, window: int) -> bool:
    return await (share(server, keys, window=window) if window else stop_sharing(server, keys))
