"""What a process leaves behind when it has ended, and who gets it."""

import signal

import anyio
from redis.exceptions import RedisError

from consumers.logs import Logger
from streams.abandon import abandon, owned_rows
from streams.keys import Keys
from streams.server import Server
from streams.settle import Retention
from streams.workers import retire

#: Waits between two tries at a server that does not answer.
BACKOFF_FIRST_S, BACKOFF_LAST_S = 0.05, 2.0


def how_ended(status: int) -> str:
    """The words for an exit status that stand in histories and logs."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"


async def give_up(
    server: Server,
    keys: Keys,
    consumer: str,
    retention: Retention,
    *,
    cause: str,
    released: str,
    patience_s: float,
    log: Logger,
) -> None:
    """Hand back at once what *consumer*, whose process has ended, still has; then retire it.

    With *cause* each job is charged with a loss; with *released* its history says so and
    nobody is charged. Tried again for *patience_s* while the server does not answer; after a
    lease the claimers of other workers have taken over anyway.
    """
    wait_s = BACKOFF_FIRST_S
    with anyio.move_on_after(patience_s):
        while True:
            try:
                rows = await owned_rows(server, keys, consumer)
                abandoned = await abandon(
                    server, keys, consumer, rows, retention, cause=cause, released=released
                )
                await retire(server, keys, [consumer])
            except (RedisError, OSError):
                await anyio.sleep(wait_s)
                wait_s = min(wait_s * 2, BACKOFF_LAST_S)
                continue
            if rows:
                log.warning(
                    "jobs_given_up",
                    consumer=consumer,
                    cause=cause or released,
                    handed_back=len(abandoned.handed_back),
                    dead=len(abandoned.dead),
                )
            return
    log.warning("estate_left", consumer=consumer, hint="Redis did not answer; leases have to lapse")
