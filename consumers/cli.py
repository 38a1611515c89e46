"""The `millstream-worker` command."""

import os
import sys
from collections.abc import Mapping, MutableMapping
from typing import Annotated, Any

from consumers.children.source import Source
from consumers.errors import ConsumerError, MissingExtraError, WorkerBrokenError
from consumers.loop import run_in_waking_loop
from consumers.systems import SYSTEMS, find_system, system_named
from streams.cache import RedisCache
from streams.connection import LOADING_MAX_S, connected
from streams.errors import StreamsError

try:
    import typer

    from consumers.settings import WorkerSettings, worker_settings
    from consumers.shutdown import EXIT_STUCK, leave_at_once_on_signals
    from consumers.supervisor.link import take_link
    from consumers.supervisor.supervisor import EXIT_CONFIG, Supervisor
    from consumers.worker import Worker
except ModuleNotFoundError as error:  # pragma: no cover - only without the extra
    sys.exit(f"millstream-worker: {MissingExtraError('worker', error.name or '?')}")

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
    processes: Annotated[
        int | None,
        typer.Option(
            "--processes", "-p", help="Worker processes, under a supervisor if many [default: 1]"
        ),
    ] = None,
    supervise: Annotated[
        bool | None, typer.Option("--supervise", help="A supervisor for one process, too")
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
        "processes": processes,
        "supervise": supervise,
    }
    mistakes: list[Exception] = []
    leave_at_once_on_signals()
    status = 0
    try:
        status = run_in_waking_loop(lambda: _run(system, arguments, os.environ))
    except* (ConsumerError, StreamsError) as group:
        mistakes = _leaves(group)
    for mistake in mistakes:
        for line in str(mistake).splitlines():
            typer.echo(f"millstream-worker: {line}", err=True)
    if mistakes:
        is_broken = any(isinstance(mistake, WorkerBrokenError) for mistake in mistakes)
        status = EXIT_STUCK if is_broken else EXIT_CONFIG
    raise typer.Exit(status)


async def _run(
    system: str, arguments: Mapping[str, Any], environment: MutableMapping[str, str]
) -> int:
    open_system, named = find_system(system), system_named(system)
    settings = worker_settings(
        environment,
        arguments,
        queue=system,
        variables=named.variables,
        defaults=named.defaults,
    )
    link = take_link(environment, lease_ms=settings.lease_ms)
    if settings.is_supervised and link is None:
        command = [sys.executable, "-m", "consumers.cli", system]
        # The settings have what these say; in a worker they would win over its own.
        inherited = {
            name: each for name, each in environment.items() if name not in named.variables
        }
        return await Supervisor(settings, command, inherited).run()
    async with (
        connected(_cache_url(settings), loading_s=LOADING_MAX_S) as cache_client,
        open_system(RedisCache(cache_client), environment) as registry,
    ):
        children = Source(system, environment={"CACHE_URL": _cache_url(settings)})
        await Worker(registry, settings, link=link, children=children).run()
    return 0


def _cache_url(settings: WorkerSettings) -> str:
    return (settings.cache_url or settings.redis_url).get_secret_value()


def _leaves(group: BaseExceptionGroup[Exception]) -> list[Exception]:
    found: list[Exception] = []
    for error in group.exceptions:
        found.extend(_leaves(error) if isinstance(error, BaseExceptionGroup) else [error])
    return found


if __name__ == "__main__":
    main()
