"""The demo from its first line to its last."""

import shutil
import signal
import tempfile
from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import anyio
from anyio import CancelScope, to_thread
from rich.console import Console

from consumers.demo.crew import Crew
from consumers.demo.forecast import ingest_forecast
from consumers.demo.progress import shown_progress
from consumers.demo.sheet import write_sheet
from consumers.demo.site import serving
from consumers.demo.warming import Figures, Warming
from consumers.handlers.tiles.system import open_data
from producers.cli.boundary import INTERRUPTED, CommandError
from producers.gateway.layers import MapLayer
from producers.tilegrid import bbox_tile
from streams.connection import connected, shown_url
from streams.embedded import running_server
from streams.inspection import inspect_queue
from streams.keys import Keys
from streams.server import Server, require_safe, server_facts

QUEUE = "tiles"
WORKERS = ("worker-1", "worker-2")
#: The contact sheet shows this zoom: 16 tiles.
SHEET_ZOOM = 2

#: Variables that mean other installations of the same programs.
_FOREIGN = ("CACHE_URL", "CONCURRENCY", "LOG_LEVEL", "WORKER_NAME")
_FOREIGN_PREFIXES = ("MILLSTREAM_", "S3_")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Plan:
    """What the user asked for."""

    once: bool
    grib: Path | None
    port: int | None
    out_dir: Path
    environment: Mapping[str, str]


async def perform(plan: Plan, console: Console) -> int:
    """Run the demo; returns the exit status.

    Ctrl-C or SIGTERM end it in order; while it serves, that is its proper end.
    """
    status = INTERRUPTED
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_cancel_on_signal, tasks.cancel_scope)
        with tempfile.TemporaryDirectory(prefix="millstream-demo-") as directory:
            async with _stage(plan, console, Path(directory)) as stage:
                figures = await stage.warm(console)
                status = 0 if figures.is_complete else 1
                if not plan.once:
                    console.print(f"\nThe map: {stage.url}   (Ctrl-C ends everything)")
                    await anyio.sleep_forever()
        tasks.cancel_scope.cancel()
    return status
