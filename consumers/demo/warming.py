"""Warming a layer, and watching the queue until it is done."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

import anyio

from consumers.demo.crew import Crew
from producers.cli.boundary import CommandError
from producers.client import Producer
from producers.gateway.layers import MapLayer
from producers.payloads.tiles import RenderTile
from producers.tilekey import tile_key
from producers.warming.tilejob import tile_job
from producers.warming.warm import warm_layer
from streams.cache import RedisCache
from streams.inspection import QueueReport, inspect_queue
from streams.keys import Keys
from streams.server import Server
from streams.workers import seen_workers

#: Zooms 0 to 4 are 341 tiles.
ZOOM_MAX = 4
#: Between two looks at the queue.
LOOK_S = 0.1
#: Without any change for so long nothing will change; the longest wait for a retry is 8 s,
#: and a killed worker's jobs are taken over within 11 s.
SILENCE_MAX = timedelta(seconds=60)
#: Importing numpy on a small, busy machine takes a few seconds.
READY_MAX = timedelta(seconds=60)
#: Pictures asked for in one round trip.
_PAGE = 100

#: Is told: jobs done, jobs in all, jobs a second.
Progress = Callable[[int, int, float], None]


@dataclass(frozen=True, slots=True)
class Figures:
    """What became of the tiles: counted in the queue and found in the cache.

    `ended_workers` are those that ended before their time.
    """

    tiles: int
    rendered: int
    seconds: float
    retries: int
    losses: int
    dead: int
    pending: int
    delayed: int
    ended_workers: tuple[str, ...]

    @property
    def per_second(self) -> float:
        """Tiles a second, from the first job handed in to the last one settled."""
        return self.rendered / self.seconds if self.seconds > 0 else 0.0

    @property
    def is_complete(self) -> bool:
        """True where every picture is there and nothing is left over."""
        return self.rendered == self.tiles and not (self.dead or self.pending or self.delayed)


class Warming:
    """One layer's tiles, the queue that they go through and the workers that draw them."""

    def __init__(self, server: Server, queue: str, layer: MapLayer, crew: Crew) -> None:
        self._server = server
        self._keys = Keys(queue)
        self._crew = crew
        self._style = layer.styles[0]
        self.tiles = tuple(warm_layer(layer.name, self._style.name, ZOOM_MAX, time=layer.time))

    async def ready(self) -> None:
        """Wait until all workers take jobs.

        Raises:
            WorkersGoneError: none runs.
            CommandError: they are not ready in time.
        """
        deadline = monotonic() + READY_MAX.total_seconds()
        while monotonic() < deadline:
            ended = self._crew.require_alive()
            # The registry, not XINFO: a consumer stands there from its first job on only.
            workers = await seen_workers(self._server.client, self._keys)
            if len(workers) >= self._crew.size - len(ended):
                return
            await anyio.sleep(LOOK_S)
        raise CommandError("the workers were not ready in time: see their logs")

    async def run(self, progress: Progress) -> Figures:
        """Hand in all jobs and wait until the queue has done them.

        Raises:
            WorkersGoneError: no worker is left.
        """
        before = await self._look()
        started_s = monotonic()
        jobs = Producer(self._server, self._keys.queue)
        await jobs.enqueue_many(tile_job(tile) for tile in self.tiles)
        seconds, after = await self._watch(before, started_s, progress)
        pictures = await self.pictures(self.tiles)
        return Figures(
            tiles=len(self.tiles),
            rendered=sum(picture is not None for picture in pictures),
            seconds=seconds,
            retries=_grown(before, after, "retried"),
            losses=_grown(before, after, "lost"),
            dead=_grown(before, after, "dead"),
            pending=after.undelivered + after.running,
            delayed=after.delayed,
            ended_workers=tuple(self._crew.require_alive()),
        )

    async def pictures(self, tiles: Sequence[RenderTile]) -> list[bytes | None]:
        """The finished pictures of *tiles*, None for one that is not there."""
        cache = RedisCache(self._server.client)
        version = self._style.version
        names = [tile_key(tile, tile.time, style_version=version) for tile in tiles]
        found: list[bytes | None] = []
        for start in range(0, len(names), _PAGE):
            found += await cache.get_many(names[start : start + _PAGE])
        return found

    async def _watch(
        self, before: QueueReport, started_s: float, progress: Progress
    ) -> tuple[float, QueueReport]:
        """Look until nothing is left to do, or nothing has changed for too long.

        A look is several commands: a job that moves to the delayed ones between two of them
        is in neither place. So the queue must be seen idle twice.
        """
        seen, changed_s, was_idle = before, started_s, False
        while True:
            report = await self._look()
            now_s = monotonic()
            done = _grown(before, report, "completed") + _grown(before, report, "dead")
            done = min(done, len(self.tiles))
            progress(done, len(self.tiles), done / (now_s - started_s))
            if dict(seen.counters) != dict(report.counters):
                seen, changed_s = report, now_s
            if was_idle and report.is_idle:
                return changed_s - started_s, report
            if now_s - changed_s > SILENCE_MAX.total_seconds():
                return now_s - started_s, report
            was_idle = report.is_idle
            self._crew.require_alive()
            await anyio.sleep(LOOK_S)

    async def _look(self) -> QueueReport:
        return await inspect_queue(self._server.client, self._keys)


def _grown(before: QueueReport, after: QueueReport, counter: str) -> int:
    return after.counters.get(counter, 0) - before.counters.get(counter, 0)
