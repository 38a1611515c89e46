"""One visit of a command to Redis."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from redis.exceptions import NoPermissionError, RedisError

from producers.cli.boundary import CommandError
from producers.cli.text import one_line
from streams.connection import connected, shown_url
from streams.inspection import find_queues
from streams.keys import Keys
from streams.server import Server


@asynccontextmanager
async def visit(url: str) -> AsyncGenerator[Server]:
    """The server at *url*, for as long as the block lasts.

    Raises:
        ServerUnavailableError: no Redis there.
        SettingsError: *url* is no Redis URL.
        CommandError: it stopped answering, or refused a command.
    """
    async with connected(url) as client:
        try:
            yield Server(client)
        except RedisError as error:
            raise CommandError(
                f"Redis at {shown_url(url)} did not do it ({one_line(str(error), chars_max=200)}): "
                "check the server's log and the rights of the user in REDIS_URL, then try again"
            ) from error


async def chosen_queues(server: Server, queue: str | None) -> list[Keys]:
    """The partitions of *queue*; without a name those of all queues.

    Raises:
        CommandError: there is no such queue on the server.
        InvalidJobError: *queue* cannot be a queue's name.
    """
    first = Keys(queue) if queue is not None else None
    try:
        found = await find_queues(server.client)
    except NoPermissionError:
        # Most users may not look at the names of all keys; this one knows what it wants.
        if first is None:
            raise CommandError(
                "this Redis user may not list the queues: name one with --queue"
            ) from None
        return [first]
    if queue is None:
        return found
    named = [keys for keys in found if keys.queue == Keys(queue).queue]
    if not named:
        known = ", ".join(dict.fromkeys(keys.queue for keys in found)) or "none yet"
        raise CommandError(
            f"there is no queue '{queue}' on this Redis (queues: {known}): check the name, or "
            "start its first worker, which creates it"
        )
    return named


def label(queue: str, partition: int) -> str:
    """What people call a partition: the queue alone for the first one."""
    return queue if partition == 0 else f"{queue}:{partition}"
