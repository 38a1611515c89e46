"""From a tile's address to its picture: out of the cache, or drawn while somebody waits."""

from datetime import datetime, timedelta

from pydantic import ValidationError
from redis.exceptions import RedisError

from producers.client import Producer
from producers.errors import JobFailedError
from producers.gateway.errors import BadRequest, NotDrawn, NotHere, NotYet
from producers.gateway.layers import FindLayers, named_style
from producers.payloads.tiles import RenderTile
from producers.tilegrid import ZOOM_MAX, Tile, is_valid, tile_bbox_3857
from producers.tilekey import tile_key
from producers.tilepriority import INTERACTIVE_PRIORITY
from streams.cache import Cache
from streams.errors import StreamsError

#: What a visitor waits before they are asked to come again.
WAIT_MAX = timedelta(seconds=10)
#: Visitors that wait at a time. Each asks Redis up to a hundred times a second at first.
WAITING_MAX = 64
#: Times that a message names.
LISTED_MAX = 8


class TileDesk:
    """Hands out tiles.

    What the cache has comes at once. Anything else becomes a job of high priority, one for
    all who ask for the same picture, and is waited for.
    """

    def __init__(
        self,
        jobs: Producer,
        cache: Cache,
        find_layers: FindLayers,
        *,
        wait_max: timedelta = WAIT_MAX,
        waiting_max: int = WAITING_MAX,
    ) -> None:
        self._jobs = jobs
        self._cache = cache
        self._find_layers = find_layers
        self._wait_max = wait_max
        self._waiting_max = waiting_max
        self._waiting = 0

    async def picture(self, layer: str, style: str, tile: Tile, time: datetime | None) -> bytes:
        """The PNG of *tile*; without a *time* for the one that the layer shows now.

        Raises:
            NotHere: there is no such tile, layer, style or time.
            NotDrawn: the job that should draw it died.
            NotYet: it was not drawn in time, or Redis does not answer.
        """
        wanted, version = await self._wanted(layer, style, tile, time)
        key = tile_key(wanted, wanted.time, style_version=version)
        try:
            return await self._cache.get(key) or await self._drawn(wanted, key)
        except (RedisError, StreamsError, OSError) as error:
            raise NotYet(f"the queue does not take the tile now: {error}") from error

    async def _wanted(
        self, layer: str, style: str, tile: Tile, time: datetime | None
    ) -> tuple[RenderTile, str]:
        """The checked request, and the version of its style: what must fail is no job."""
        if not is_valid(tile):
            raise NotHere(
                f"there is no tile {tile.z}/{tile.x}/{tile.y}: zooms are 0 to {ZOOM_MAX}, x and y "
                "are 0 to 2^zoom - 1"
            )
        found, shown = named_style(await self._find_layers(), layer, style)
        if time is not None and time not in found.times:
            times = ", ".join(each.isoformat() for each in found.times[:LISTED_MAX])
            raise NotHere(
                f"the layer '{layer}' has no value at {time.isoformat()}: ask for {times}"
            )
        try:
            wanted = RenderTile(
                layer=layer,
                style=style,
                bbox=tile_bbox_3857(tile),
                time=time or found.time,
                priority=INTERACTIVE_PRIORITY,
            )
        except ValidationError as error:
            raise BadRequest(
                f"layer and style are plain names: {error.errors()[0]['msg']}"
            ) from None
        return wanted, shown.version

    async def _drawn(self, wanted: RenderTile, key: str) -> bytes:
        if self._waiting >= self._waiting_max:
            raise NotYet(f"{self._waiting} visitors wait for tiles already: come again")
        self._waiting += 1
        try:
            return await self._await_job(wanted, key)
        finally:
            self._waiting -= 1

    async def _await_job(self, wanted: RenderTile, key: str) -> bytes:
        answer = await self._jobs.enqueue(
            wanted, priority=wanted.priority, unique=tile_key(wanted, wanted.time)
        )
        try:
            result = await self._jobs.result(answer.id, timeout=self._wait_max)
        except JobFailedError as failed:
            raise NotDrawn(f"the tile could not be drawn: {failed.cause}") from failed
        except TimeoutError as late:
            raise NotYet(
                f"not drawn within {self._wait_max.total_seconds():g} s: no worker may be running"
            ) from late
        # While styles are being changed, a worker may have drawn another version.
        drawn = result.get("key") if isinstance(result, dict) else None
        picture = await self._cache.get(drawn if isinstance(drawn, str) else key)
        if picture is None:
            raise NotYet("the tile was drawn and is gone from the cache again")
        return picture
