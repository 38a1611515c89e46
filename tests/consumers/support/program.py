"""A worker of the kinds that tests need; its argument is the file of effects."""

import os
import sys
from datetime import timedelta
from pathlib import Path

import anyio

from consumers.retry import RetryPolicy
from consumers.settings import worker_settings
from consumers.worker import Worker
from tests.consumers.support.kinds import Effects, open_registry

#: Retries come at once, or tests would wait for them.
POLICY = RetryPolicy(first=timedelta(milliseconds=20), factor=1.5, jitter=0)


def main() -> None:
    """Run until SIGTERM, with the settings of the environment."""
    registry = open_registry(Effects(Path(sys.argv[1])))
    settings = worker_settings(os.environ, {}, queue="work")
    worker = Worker(registry, settings, policy=POLICY)
    anyio.run(worker.run)


if __name__ == "__main__":
    main()
