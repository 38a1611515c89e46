"""Parts of the forecasts that NOAA publishes: the messages that are wanted, and no more.

https://registry.opendata.aws/noaa-gfs-bdp-pds and https://registry.opendata.aws/noaa-hrrr-pds
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Final

from anyio import to_thread

from consumers.handlers.tiles.dataerrors import FetchError, GribError
from consumers.handlers.tiles.gribindex import INDEX_BYTES_MAX, Wish, parse_index, wanted_spans
from consumers.handlers.tiles.gribscan import scan
from consumers.handlers.tiles.httpfiles import download, download_part


@dataclass(frozen=True, slots=True)
class Feed:
    """A model: where its files are, and the last hour that it forecasts.

    `path` is filled with `run` and `hour`.
    """

    name: str
    base_url: str
    path: str
    hour_max: int

    def url(self, run: datetime, hour: int, base_url: str | None = None) -> str:
        """The file of one hour of a run; its index has `.idx` behind it."""
        base = (base_url or self.base_url).rstrip("/")
        return f"{base}/{self.path.format(run=run, hour=hour)}"

    def file_name(self, run: datetime, hour: int) -> str:
        """What a file is called here."""
        return f"{self.name}.{run:%Y%m%dt%H}z.f{hour:03}.grib2"


FEEDS: Final[Mapping[str, Feed]] = {
    "gfs": Feed(
        "gfs",
        "https://noaa-gfs-bdp-pds.s3.amazonaws.com",
        "gfs.{run:%Y%m%d}/{run:%H}/atmos/gfs.t{run:%H}z.pgrb2.0p25.f{hour:03}",
        384,
    ),
    "hrrr": Feed(
        "hrrr",
        "https://noaa-hrrr-bdp-pds.s3.amazonaws.com",
        "hrrr.{run:%Y%m%d}/conus/hrrr.t{run:%H}z.wrfsfcf{hour:02}.grib2",
        48,
    ),
}


async def fetch(
    feed: Feed,
    run: datetime,
    hours: Iterable[int],
    wishes: Sequence[Wish],
    folder: Path,
    *,
    base_url: str | None = None,
    listener: Callable[[str], None] | None = None,
) -> list[Path]:
    """One file for each of *hours* in *folder*, with the messages that *wishes* name.

    They get their names when all of them are there and whole, in place of older ones.

    Raises:
        FetchError: an hour or a message is not there, the network is away, or *folder* cannot
            be written; no file has changed, unless the last renaming failed.
    """
    with await to_thread.run_sync(_beside, folder) as partial:
        files: list[Path] = []
        for hour in hours:
            name = feed.file_name(run, hour)
            if listener is not None:
                listener(name)
            files.append(Path(partial, name))
            await _fetch_hour(feed.url(run, hour, base_url), wishes, files[-1])
        return await to_thread.run_sync(_move, files, folder)


async def _fetch_hour(url: str, wishes: Sequence[Wish], path: Path) -> None:
    index = BytesIO()
    await download(f"{url}.idx", index, bytes_max=INDEX_BYTES_MAX)
    try:
        spans = wanted_spans(parse_index(index.getvalue().decode("utf-8", "replace")), wishes)
    except FetchError as error:
        raise FetchError(f"{url}.idx: {error}") from error
    with await to_thread.run_sync(path.open, "wb") as file:
        await _copy_spans(url, spans, file)
    try:
        found = await to_thread.run_sync(scan, path)
    except GribError as error:
        raise FetchError(f"what {url} sends does not fit its index: try again later") from error
    if found.stray_bytes:
        raise FetchError(f"what {url} sends does not fit its index: try again later")


async def _copy_spans(url: str, spans: Iterable[tuple[int, int | None]], file: IO[bytes]) -> None:
    for first, last in spans:
        await download_part(url, file, first, last)


def _beside(folder: Path) -> TemporaryDirectory[str]:
    """A directory in *folder*, so that files only need new names in the end."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return TemporaryDirectory(prefix=".fetch-", dir=folder)
    except OSError as error:
        raise FetchError(f"cannot write into {folder}: {error.strerror}") from error


def _move(files: Iterable[Path], folder: Path) -> list[Path]:
    try:
        return [file.replace(folder / file.name) for file in files]
    except OSError as error:
        raise FetchError(f"cannot write into {folder}: {error.strerror}") from error
