"""A worker comes to a queue, and leaves it."""

import anyio
from redis.asyncio import Redis
from redis.exceptions import RedisError

from consumers.ground import Ground
from consumers.logs import Logger
from consumers.orphans import Orphans
from consumers.settings import WorkerSettings
from streams.connection import shown_url
from streams.errors import ServerUnavailableError
from streams.keys import Keys
from streams.server import Server, require_safe, server_facts
from streams.workers import retire

#: A server that does not answer keeps a worker from ending for no longer than this.
LEAVE_S = 2.0


async def prepare(client: Redis, settings: WorkerSettings, ground: Ground, log: Logger) -> None:
    """Refuse a server that would lose jobs, and make what is missing of the queue.

    Raises:
        ServerUnavailableError: the server does not let the queue be set up.
        UnsafeServerError: it would lose jobs.
    """
    try:
        facts = await server_facts(client)
        require_safe(facts, aof=settings.require_aof)
        await ground.check()
    except RedisError as error:
        raise ServerUnavailableError(
            f"the Redis at {shown_url(settings.redis_url.get_secret_value())} refuses to set up "
            f"the queue '{settings.queue}' ({error}): look at its memory, at the rights of its "
            "user, and whether something else uses the names of this queue"
        ) from error
    if not facts.aof_enabled:
        log.warning(
            "redis_without_aof",
            hint="accepted jobs are lost when this server stops: set appendonly yes",
        )


async def leave(server: Server, keys: Keys, consumer: str, orphans: Orphans, log: Logger) -> None:
    """Remove *consumer*; the janitor of another worker does so where this fails."""
    try:
        with anyio.fail_after(LEAVE_S):
            await orphans.hand_back()
            await retire(server, keys, [consumer])
    except (RedisError, OSError) as error:
        log.warning("leave_failed", error=str(error))
