"""What the demo stands on: a Redis, and an environment that means this demo alone."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from anyio import CancelScope, to_thread

from producers.cli.boundary import CommandError
from streams.connection import connected, shown_url
from streams.embedded import running_server
from streams.inspection import inspect_queue
from streams.keys import Keys
from streams.server import Server, require_safe, server_facts

#: The queue that `millstream-worker tiles` takes its jobs from.
QUEUE = "tiles"

#: Variables that mean other installations of the same programs.
_FOREIGN = frozenset({"CACHE_URL", "CONCURRENCY", "LOG_LEVEL", "WORKER_NAME"})
_FOREIGN_PREFIXES = ("MILLSTREAM_", "S3_")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ground:
    """A Redis that is safe for jobs, what it is, and the environment of the workers."""

    server: Server
    url: str
    about: str
    environment: Mapping[str, str]


@asynccontextmanager
async def open_ground(environment: Mapping[str, str], directory: Path) -> AsyncGenerator[Ground]:
    """The Redis of `REDIS_URL`, else one in *directory*, for as long as the block lasts.

    Raises:
        EmbeddedServerError: there is none that could be started.
        ServerUnavailableError, UnsafeServerError: the one of `REDIS_URL` cannot be used.
        CommandError: it serves other workers or jobs, which the demo would disturb.
    """
    starting = running_server(environment, directory / "redis")
    async with in_thread(starting) as (url, found), connected(url) as client:
        facts = await server_facts(client)
        require_safe(facts)
        server = Server(client)
        if found.url:
            await _require_free(server, url)
        yield Ground(
            server,
            url,
            f"Redis {facts.version} at {shown_url(url)} ({found.reason})",
            _workers_environment(environment, url, directory),
        )


@asynccontextmanager
async def in_thread(manager: AbstractContextManager[T]) -> AsyncGenerator[T]:
    """A context manager whose start and end wait, without holding up the event loop."""
    value = await to_thread.run_sync(manager.__enter__)
    try:
        yield value
    finally:
        with CancelScope(shield=True):
            await to_thread.run_sync(manager.__exit__, None, None, None)


async def _require_free(server: Server, url: str) -> None:
    report = await inspect_queue(server.client, Keys(QUEUE))
    if not report.is_idle or any(consumer.worker for consumer in report.consumers):
        raise CommandError(
            f"the Redis at {shown_url(url)} has jobs or workers of its own in the queue "
            f"'{QUEUE}': unset REDIS_URL, and the demo starts a Redis for itself"
        )


def _workers_environment(
    environment: Mapping[str, str], url: str, directory: Path
) -> Mapping[str, str]:
    inherited = {
        name: value
        for name, value in environment.items()
        if name not in _FOREIGN and not name.startswith(_FOREIGN_PREFIXES)
    }
    return inherited | {
        "REDIS_URL": url,
        "DATABASE_URL": f"sqlite:///{directory / 'catalog.sqlite'}",
        "MILLSTREAM_STORE": str(directory / "shards"),
    }
