"""The `millstream-worker` command."""

import os
import sys
from collections.abc import Mapping
from typing import Annotated, Any

import anyio

from consumers.errors import ConsumerError, MissingExtraError
from consumers.settings import WorkerSettings, worker_settings
from consumers.systems import SYSTEMS, find_system
from streams.cache import RedisCache
from streams.connection import connected
from streams.errors import StreamsError

try:
    import typer

    from consumers.worker import Worker
except ModuleNotFoundError as error:  # pragma: no cover - only without the extra
    sys.exit(f"millstream-worker: {MissingExtraError('worker', error.name or '?')}")

#: The exit status for what the user can mend (EX_CONFIG).
EXIT_CONFIG = 78

_SYSTEM_HELP = "; ".join(f"{each.name}: {each.summary}" for each in SYSTEMS.values())


def main() -> None:
    """Run the command; a mistake of the user's is one line, never a traceback."""
    typer.run(work)


def work(
    system: Annotated[str, typer.Argument(help=_SYSTEM_HELP)],
    name: Annotated[
        str | None, typer.Option("--name", "-n", help="Worker name [env: WORKER_NAME]")
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option("--concurrency", "-c", help="Jobs at a time [env: CONCURRENCY] [default: 4]"),
    ] = None,
    log_level: Annotated[
        str | None, typer.Option(help="debug to critical [env: LOG_LEVEL] [default: info]")
    ] = None,
    queue: Annotated[
        str | None, typer.Option(help="Queue to take jobs from [default: the system's name]")
    ] = None,
    redis_url: Annotated[
        str | None, typer.Option(help="Redis of the queue [env: REDIS_URL]")
    ] = None,
    grace_ms: Annotated[
        int | None, typer.Option(help="Time to finish after SIGTERM [default: 25000]")
    ] = None,
    metrics_port: Annotated[
        int | None, typer.Option(help="Serve /metrics, /live and /ready here (0: a free port)")
    ] = None,
) -> None:
    """Take jobs of SYSTEM from its queue and run them until SIGTERM."""
    arguments = {
        "name": name,
        "concurrency": concurrency,
        "log_level": log_level,
        "queue": queue,
        "redis_url": redis_url,
        "grace_ms": grace_ms,
        "metrics_port": metrics_port,
    }
    mistakes: list[Exception] = []
    try:
        anyio.run(_run, system, arguments, os.environ)
    except* (ConsumerError, StreamsError) as group:
        mistakes = _leaves(group)
    for mistake in mistakes:
        for line in str(mistake).splitlines():
            typer.echo(f"millstream-worker: {line}", err=True)
    if mistakes:
        raise typer.Exit(EXIT_CONFIG)


async def _run(system: str, arguments: Mapping[str, Any], environment: Mapping[str, str]) -> None:
    open_system = find_system(system)
    settings = worker_settings(environment, arguments, queue=system)
    async with (
        connected(_cache_url(settings)) as cache_client,
        open_system(RedisCache(cache_client), environment) as registry,
    ):
        await Worker(registry, settings).run()


def _cache_url(settings: WorkerSettings) -> str:
    return (settings.cache_url or settings.redis_url).get_secret_value()


def _leaves(group: BaseExceptionGroup[Exception]) -> list[Exception]:
    found: list[Exception] = []
    for error in group.exceptions:
        found.extend(_leaves(error) if isinstance(error, BaseExceptionGroup) else [error])
    return found


if __name__ == "__main__":
    main()
