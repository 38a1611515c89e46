"""A worker of the fault kit: a worker like any other, and everything that it does written down.

    python -m consumers.chaos.member

Its settings come from the environment, as those of `millstream-worker` do, and from three
variables that the kit sets: the folder for journals and effects, whose handlers to run,
and whether to go without the fence.
"""

import os
import resource
import signal
import sys
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from consumers.chaos import unfenced
from consumers.chaos.journal import Journal
from consumers.chaos.kinds import add_kinds
from consumers.chaos.witness import WitnessMetrics, witnessed
from consumers.children.source import Source, open_registry
from consumers.loop import run_in_waking_loop
from consumers.registry import Registry
from consumers.retry import RetryPolicy
from consumers.settings import WorkerSettings, worker_settings
from consumers.supervisor.link import Link, take_link
from consumers.supervisor.supervisor import Supervisor
from consumers.systems import SYSTEMS
from consumers.worker import Worker

#: Where journals and effects go.
DIRECTORY_VARIABLE = "MILLSTREAM_CHAOS_DIRECTORY"
#: Whose handlers run: empty for the kit's own, a system's name, or `package.module:factory`.
HANDLERS_VARIABLE = "MILLSTREAM_CHAOS_HANDLERS"
#: The queue of a run.
QUEUE = "chaos"
#: Retries come soon, or a short run would wait for them.
POLICY = RetryPolicy(first=timedelta(milliseconds=200), cap=timedelta(seconds=1))
#: Children have their handlers from here too, so that their runs are written down.
SOURCE = Source(factory="consumers.chaos.member:open_handlers")

_COMMAND = (sys.executable, "-m", "consumers.chaos.member")


@asynccontextmanager
async def open_handlers() -> AsyncGenerator[Registry]:
    """The handlers that the environment names, each run of which is written down.

    Raises:
        ConsumerError: there are none where it says.
    """
    handlers = os.environ.get(HANDLERS_VARIABLE, "")
    directory = Path(os.environ[DIRECTORY_VARIABLE])
    # What the user names lies in the folder in which the kit was started.
    sys.path.insert(0, str(Path.cwd()))
    with Journal(directory / "journals", "handlers") as journal:
        if handlers:
            source = Source(system=handlers) if handlers in SYSTEMS else Source(factory=handlers)
            async with open_registry(source, os.environ) as registry:
                yield witnessed(registry, journal)
        else:
            registry = Registry()
            add_kinds(registry, directory / "sink", journal)
            yield witnessed(registry, journal)


def main() -> None:
    """Run until SIGTERM, or until something worse happens."""
    # Segmentation faults are on the programme, their memory on disk is not.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if os.environ.get(unfenced.VARIABLE) == "1":
        unfenced.remove_fence()
    settings = worker_settings(os.environ, {}, queue=QUEUE)
    link = take_link(os.environ, lease_ms=settings.lease_ms)
    if link is None:
        threading.Thread(target=_end_with_the_kit, daemon=True).start()
    sys.exit(run_in_waking_loop(lambda: _work(settings, link)))


async def _work(settings: WorkerSettings, link: Link | None) -> int:
    if settings.is_supervised and link is None:
        return await Supervisor(settings, _COMMAND, os.environ).run()
    directory = Path(os.environ[DIRECTORY_VARIABLE])
    with Journal(directory / "journals", "member") as journal:
        async with open_handlers() as registry:
            metrics = WitnessMetrics(
                settings.queue, frozenset(registry), settings.concurrency, journal
            )
            worker = Worker(
                registry, settings, policy=POLICY, metrics=metrics, link=link, children=SOURCE
            )
            journal.write("up", {"consumer": worker.consumer, "parent": os.getppid()})
            await worker.run()
            journal.write("down", {"consumer": worker.consumer})
    return 0


def _end_with_the_kit() -> None:
    """The kit holds the other end of standard input: its end is the end of the kit."""
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
