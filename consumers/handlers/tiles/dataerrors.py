"""What can go wrong between a forecast file and the values under a tile.

    TilesDataError
    ├── TilesSettingsError     the environment names a place or a limit that cannot be used
    ├── GribError              a file is not GRIB, or not whole
    ├── NetcdfError            a file is not NetCDF or Zarr, or not whole
    ├── CfError                a variable of such a file is not understood
    ├── FetchError             a file cannot be had from its URL or bucket
    ├── IngestError            a file holds nothing that can become a layer
    ├── AnnounceError          new data are there, but their tiles could not be asked for
    ├── CatalogError           the catalog's database does not answer
    ├── StoreError             the object store does not answer, or a name is not allowed
    │   └── ObjectMissingError     there is no object under that name
    ├── RunMismatchError       two layers of one picture are of different runs
    └── ShardError             an object is no whole shard of the layout that is read here

    TileError (consumers.handlers.tiles.errors: permanent)
    ├── LayerNotFoundError     the catalog knows no such layer
    ├── RunNotFoundError       the layer has no such run
    └── TimeNotFoundError      the layer has no value at that time

Only what no later attempt can change is permanent. A missing object and a broken shard
are tried again on purpose: a new ingest may have replaced the data after the catalog
was read, a transfer may have been cut short, and a shard of a newer layout is readable
on the newer worker of a rolling deploy. When all attempts are spent, the dead letter
carries the message.
"""

from collections.abc import Sequence
from datetime import datetime
from difflib import get_close_matches

from consumers.errors import ConsumerError
from consumers.handlers.tiles.errors import TileError

#: How many names or times a message lists: enough to see the pattern, still one line.
LISTED_MAX = 5


class TilesDataError(ConsumerError):
    """Base of what reading, storing and finding grids raises, and a later try may mend."""


class TilesSettingsError(TilesDataError):
    """Raised at start when the environment describes no usable catalog, store or limit."""


class GribError(TilesDataError):
    """Raised when a file is not GRIB or not whole: nothing of it has been used."""


class NetcdfError(TilesDataError):
    """Raised when a file is not NetCDF or Zarr, or not whole: nothing of it has been used."""


class CfError(TilesDataError):
    """Raised when a variable does not follow the CF conventions, as far as they are read here."""


class FetchError(TilesDataError):
    """Raised when a file cannot be had from where it is: nothing of it was kept."""


class IngestError(TilesDataError):
    """Raised when a file holds no field that can become a layer, or a name is not allowed."""


class AnnounceError(TilesDataError):
    """Raised when tiles of new data could not be asked for; they still can be later."""


class CatalogError(TilesDataError):
    """Raised when the catalog's database cannot be opened or does not answer."""


class StoreError(TilesDataError):
    """Raised when the object store does not answer as it should."""


class ObjectMissingError(StoreError):
    """Raised when the store holds no object under a name that the catalog points to."""

    def __init__(self, name: str, where: str) -> None:
        self.name = name
        super().__init__(
            f"there is no object '{name}' in {where}, though the catalog names it: check that "
            "worker and ingest use the same store, or ingest the file again"
        )


class RunMismatchError(TilesDataError):
    """Raised when a layer of a composite is of another run: a newer one may be on its way."""

    def __init__(self, layer: str, run: datetime, base: str, base_run: datetime) -> None:
        super().__init__(
            f"the layer '{layer}' is of the run of {iso_utc(run)}, and '{base}' of that of "
            f"{iso_utc(base_run)}: one picture shows one run, so ingest the other layer as well"
        )


class ShardError(TilesDataError):
    """Raised when an object is cut short, damaged, misplaced or of another layout."""

    def __init__(self, name: str, problem: str) -> None:
        self.name = name
        super().__init__(f"the shard '{name}' cannot be read: {problem}; ingest its file again")


class LayerNotFoundError(TileError):
    """Raised when the catalog knows no layer of that name."""

    def __init__(self, layer: str, known: Sequence[str]) -> None:
        self.layer = layer
        self.close = tuple(get_close_matches(layer, known, n=LISTED_MAX))
        if self.close:
            hint = f"did you mean {' or '.join(self.close)}?"
        elif known:
            hint = f"the catalog has {len(known)} others"
        else:
            hint = "the catalog is empty, `millstream tiles ingest FILE` fills it"
        super().__init__(f"unknown layer '{layer}': {hint} (`millstream tiles layers` lists all)")


class RunNotFoundError(TileError):
    """Raised when a layer has nothing of the run asked for."""

    def __init__(self, layer: str, run: datetime, latest: datetime) -> None:
        self.layer = layer
        self.run = run
        self.latest = latest
        super().__init__(
            f"the layer '{layer}' has no run of {iso_utc(run)}: the newest is of {iso_utc(latest)}"
        )


class TimeNotFoundError(TileError):
    """Raised when a layer has no value at exactly the time asked for."""

    def __init__(self, layer: str, time: datetime, nearest: Sequence[datetime]) -> None:
        self.layer = layer
        self.time = time
        self.nearest = tuple(nearest)
        listed = ", ".join(iso_utc(each) for each in self.nearest[:LISTED_MAX])
        super().__init__(
            f"the layer '{layer}' has no value at {iso_utc(time)}: ask for one of its times "
            f"({listed}), or leave the time out for the latest"
        )


def iso_utc(time: datetime) -> str:
    """*time* (in UTC) as people write it, such as `2026-11-22T06:00:00Z`."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
