"""The demo from its first line to its last."""

import signal
import tempfile
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import anyio
from anyio import CancelScope, to_thread
from rich.console import Console

from consumers.demo.crew import Crew
from consumers.demo.forecast import ingest_forecast, legends_of
from consumers.demo.ground import QUEUE, Ground, in_thread, open_ground
from consumers.demo.progress import shown_progress
from consumers.demo.sheet import write_sheet
from consumers.demo.site import open_port, serving, url_of
from consumers.demo.summary import summary
from consumers.demo.warming import Figures, Warming
from consumers.handlers.tiles.system import open_data
from producers.cli.boundary import INTERRUPTED
from producers.gateway.layers import DrawLegend, MapLayer
from producers.tilegrid import bbox_tile

WORKERS = ("worker-1", "worker-2")
#: The contact sheet shows this zoom: 16 tiles.
SHEET_ZOOM = 2


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

    Ctrl-C and SIGTERM end it in order; while the map is served, that is its proper end.
    """
    status = INTERRUPTED
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_cancel_on_signal, tasks.cancel_scope)
        async with _stage(plan, console) as (warming, layers, url):
            figures = await _warm(plan, console, warming, layers[0])
            status = 0 if figures.is_complete else 1
            if not plan.once:
                console.print(f"The map: {url}   (Ctrl-C ends the demo)")
                await anyio.sleep_forever()
        tasks.cancel_scope.cancel()
    return status


@asynccontextmanager
async def _stage(
    plan: Plan, console: Console
) -> AsyncGenerator[tuple[Warming, list[MapLayer], str]]:
    """Redis, forecast, workers and HTTP server; all gone when the block ends."""
    plan.out_dir.mkdir(parents=True, exist_ok=True)
    with (
        open_port(plan.port) as listener,
        tempfile.TemporaryDirectory(prefix="millstream-demo-") as directory,
    ):
        async with open_ground(plan.environment, Path(directory)) as ground:
            console.print(ground.about)
            layers, draw_legend = await _ingest(plan, console, ground)
            crew = Crew(WORKERS, ground.environment, plan.out_dir)
            site = serving(ground.server, QUEUE, layers, draw_legend, listener)
            async with in_thread(crew), site:
                workers = ", ".join(f"{name} (pid {pid})" for name, pid in crew.pids.items())
                console.print(f"Workers: {workers}")
                console.print(f"Map: {url_of(listener)}")
                yield Warming(ground.server, QUEUE, layers[0], crew), layers, url_of(listener)


async def _ingest(
    plan: Plan, console: Console, ground: Ground
) -> tuple[list[MapLayer], DrawLegend]:
    source = plan.grib.name if plan.grib else "made by the program itself"
    async with open_data(ground.environment) as data:
        now = datetime.now(tz=UTC)
        layers = await ingest_forecast(data, plan.grib, now)
        draw_legend = await legends_of(data, [layer.name for layer in layers], now)
    times = max(len(layer.times) for layer in layers)
    console.print(f"Forecast: {source}: {len(layers)} layers, up to {times} times each")
    return layers, draw_legend


async def _warm(plan: Plan, console: Console, warming: Warming, layer: MapLayer) -> Figures:
    """Warm the first layer, and leave picture and figures behind."""
    await warming.ready()
    with shown_progress(console, f"warming {layer.name}") as progress:
        figures = await warming.run(progress)
    tiles = [tile for tile in warming.tiles if bbox_tile(tile.bbox).z == SHEET_ZOOM]
    path = plan.out_dir / "contact-sheet.png"
    await to_thread.run_sync(write_sheet, path, layer, tiles, await warming.pictures(tiles))
    console.print(summary(figures, layer, path))
    return figures


async def _cancel_on_signal(scope: CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            scope.cancel()
