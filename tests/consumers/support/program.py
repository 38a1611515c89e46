"""A worker, or a supervisor of some, of the kinds that tests need; told the file of effects."""

import os
import sys
from datetime import timedelta
from pathlib import Path

from consumers.loop import run_in_waking_loop
from consumers.retry import RetryPolicy
from consumers.settings import worker_settings
from consumers.supervisor.link import take_link
from consumers.supervisor.restarts import RestartPolicy
from consumers.supervisor.supervisor import Supervisor
from consumers.worker import Worker
from tests.consumers.support.failing import add_failing_kinds
from tests.consumers.support.holding import add_holding_kinds
from tests.consumers.support.kinds import Effects, open_registry

#: Retries come at once, or tests would wait for them.
POLICY = RetryPolicy(first=timedelta(milliseconds=20), factor=1.5, jitter=0)

#: And so do restarts; three crashes in a row of every process are a loop.
RESTARTS = RestartPolicy(first_s=0.05, last_s=0.1, steady_s=1, crashes_max=3)


def main() -> None:
    """Run until SIGTERM, with the settings of the environment."""
    settings = worker_settings(os.environ, {}, queue="work")
    link = take_link(os.environ, lease_ms=settings.lease_ms)
    if settings.is_supervised:
        command = [sys.executable, "-m", __spec__.name, *sys.argv[1:]]
        supervisor = Supervisor(settings, command, os.environ, restarts=RESTARTS)
        sys.exit(run_in_waking_loop(supervisor.run))
    effects = Effects(Path(sys.argv[1]))
    registry = open_registry(effects)
    add_holding_kinds(registry, effects)
    add_failing_kinds(registry, effects)
    worker = Worker(registry, settings, policy=POLICY, link=link)
    run_in_waking_loop(worker.run)


if __name__ == "__main__":
    main()
