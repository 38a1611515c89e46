"""The catalog's answers, remembered for a moment."""

from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import monotonic

from consumers.handlers.tiles.catalog import Catalog, Selection

#: Answers kept at a time; one has a few hundred bytes.
ENTRIES_MAX = 1024


def utc_now() -> datetime:
    """This moment."""
    return datetime.now(tz=UTC)


class Lookups:
    """`Catalog.find` with a short memory.

    Hundreds of tiles a second ask for the same few grids. For *ttl* after an ingest a
    worker may still draw the run before it. What is not found is not remembered.
    """

    def __init__(
        self,
        catalog: Catalog,
        *,
        ttl: timedelta = timedelta(seconds=2),
        now: Callable[[], datetime] = utc_now,
        elapsed_s: Callable[[], float] = monotonic,
        entries_max: int = ENTRIES_MAX,
    ) -> None:
        self._catalog = catalog
        self._ttl_s = ttl.total_seconds()
        self._now = now
        self._elapsed_s = elapsed_s
        self._entries_max = entries_max
        self._answers: OrderedDict[tuple[str, datetime | None], tuple[float, Selection]]
        self._answers = OrderedDict()

    async def find(self, layer: str, time: datetime | None) -> Selection:
        """The grid of *layer* for *time* (see `Catalog.find`, which also names the errors)."""
        key = (layer, time)
        kept = self._answers.get(key)
        if kept is not None and self._elapsed_s() < kept[0]:
            return kept[1]
        selection = await self._catalog.find(layer, time, now=self._now())
        self._answers[key] = (self._elapsed_s() + self._ttl_s, selection)
        self._answers.move_to_end(key)
        if len(self._answers) > self._entries_max:
            self._answers.popitem(last=False)
        return selection

    def forget(self, layer: str, time: datetime | None) -> None:
        """Ask the catalog again at the next `find`: the answer has proved out of date."""
        self._answers.pop((layer, time), None)
