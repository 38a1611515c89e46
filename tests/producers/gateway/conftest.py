"""The gateway over a real queue and cache, and a consumer that a test plays."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx
import orjson
import pytest
from redis.asyncio import Redis

from producers.client import Producer
from producers.gateway.app import new_gateway
from producers.gateway.layers import MapLayer, MapStyle, MapTick
from producers.gateway.live import Live
from producers.gateway.tiles import TileDesk
from producers.payloads.tiles import RenderTile
from producers.tilekey import tile_key
from streams.cache import RedisCache
from streams.inspection import inspect_queue
from streams.job import Delivery
from streams.settle import Verdict
from tests.support.queues import QueueUnderTest
from tests.support.waiting import wait_until

TIMES = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 6, tzinfo=UTC))
STYLE = MapStyle(
    "temperature",
    "0123456789ab",
    (MapTick(-60.0, 0.0, "-60"), MapTick(50.0, 1.0, "50")),
    ("#000000", "#ffffff"),
    "°C",
)
LAYER = MapLayer(
    name="gfs_TMP_2m",
    title="Temperature, 2 m",
    units="°C",
    time=TIMES[1],
    times=TIMES,
    reference_time=TIMES[0],
    value_range=(-40.0, 40.0),
    styles=(STYLE,),
)
TILE = "/tiles/gfs_TMP_2m/temperature/1/0/1.png"


@dataclass(frozen=True, slots=True)
class Gateway:
    """The gateway's HTTP side, and the queue behind it."""

    http: httpx.AsyncClient
    queue: QueueUnderTest
    cache: RedisCache

    async def next_job(self) -> tuple[Delivery, RenderTile]:
        """Take the next tile job as a worker does, as soon as there is one."""
        found: list[Delivery] = []

        async def fetched() -> bool:
            found.extend(await self.queue.fetch("painter", slots=1))
            return bool(found)

        await wait_until(fetched, "a tile job arrives")
        return found[0], RenderTile.model_validate_json(found[0].payload)

    async def paint(
        self, picture: bytes = b"a picture", *, version: str = STYLE.version
    ) -> RenderTile:
        """Do the next tile job, with the style in that *version*."""
        delivery, wanted = await self.next_job()
        key = tile_key(wanted, wanted.time, style_version=version)
        await self.cache.put(key, picture, timedelta(minutes=1))
        await self.queue.settle(delivery, Verdict.COMPLETED, detail=orjson.dumps({"key": key}))
        return wanted


@pytest.fixture
async def queue(client: Redis) -> QueueUnderTest:
    """An empty queue named `tiles`."""
    queue = QueueUnderTest(client, "tiles")
    await queue.open()
    return queue


@pytest.fixture
async def gateway(queue: QueueUnderTest) -> AsyncIterator[Gateway]:
    """A gateway whose visitors wait for a second, two at a time."""

    async def find_layers() -> Sequence[MapLayer]:
        return [LAYER]

    async def draw_legend(layer: str, style: str) -> bytes:
        return f"the legend of {layer} in {style}".encode()

    cache = RedisCache(queue.client)
    desk = TileDesk(
        Producer(queue.server, "tiles"),
        cache,
        find_layers,
        wait_max=timedelta(seconds=1),
        waiting_max=2,
    )
    live = Live(lambda: inspect_queue(queue.client, queue.keys), now_ms=lambda: 0)
    transport = httpx.ASGITransport(new_gateway(desk, find_layers, live, draw_legend))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as http:
        yield Gateway(http, queue, cache)
