"""A worker of the kinds that kill; its argument is the file of effects."""

import os
import sys
from datetime import timedelta

from consumers.children.source import Source
from consumers.loop import run_in_waking_loop
from consumers.retry import RetryPolicy
from consumers.settings import worker_settings
from consumers.worker import Worker
from tests.consumers.support.dangers import EFFECTS_VARIABLE, FACTORY, open_registry

#: A crash is tried again at once, or tests would wait for it.
POLICY = RetryPolicy(first=timedelta(milliseconds=20), factor=1.5, jitter=0)


def main() -> None:
    """Run until SIGTERM, with the settings of the environment."""
    os.environ[EFFECTS_VARIABLE] = sys.argv[1]
    settings = worker_settings(os.environ, {}, queue="work")
    worker = Worker(open_registry(), settings, policy=POLICY, children=Source(factory=FACTORY))
    run_in_waking_loop(worker.run)


if __name__ == "__main__":
    main()
