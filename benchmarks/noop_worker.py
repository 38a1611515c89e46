"""A worker whose handler does nothing but say when it started: `noop_worker URL SLOTS`."""

import sys
import time
from typing import ClassVar

from pydantic import JsonValue

from consumers.handler import Context
from consumers.loop import run_in_waking_loop
from consumers.registry import Registry
from consumers.settings import worker_settings
from consumers.worker import Worker
from producers.payloads.base import Payload

QUEUE = "bench"


class Noop(Payload):
    """200 bytes of JSON, all in all."""

    kind: ClassVar[str] = "bench.noop"

    filling: str = "x" * 185


async def noop(_payload: Noop, _context: Context) -> JsonValue:
    """Say when it ran, on this machine's clock."""
    return time.time_ns()


async def _main(url: str, slots: str) -> None:
    registry = Registry()
    registry.add(Noop, noop)
    arguments = {"redis_url": url, "concurrency": slots, "log_level": "error", "require_aof": "no"}
    await Worker(registry, worker_settings({}, arguments, queue=QUEUE)).run()


if __name__ == "__main__":
    run_in_waking_loop(lambda: _main(sys.argv[1], sys.argv[2]))
