"""Where a forecast file is: on this machine, on a web server, or in S3."""

import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from importlib import import_module
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import IO, Final
from urllib.parse import unquote, urlsplit

from anyio import to_thread

from consumers.errors import MissingExtraError
from consumers.handlers.tiles.dataerrors import FetchError
from consumers.handlers.tiles.httpfiles import download, shown, write
from consumers.handlers.tiles.settings import TilesSettings
from consumers.objects.errors import ObjectError

#: Full files of GFS have 550 MB, those of HRRR 400 MB.
FILE_BYTES_MAX: Final = 2 * 1024**3

_HINT: Final = "; check S3_ENDPOINT, S3_ACCESS_KEY and S3_SECRET_KEY"

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


@asynccontextmanager
async def local_file(
    origin: str, settings: TilesSettings, *, bytes_max: int = FILE_BYTES_MAX
) -> AsyncGenerator[Path]:
    """*origin* as a file of this machine, until the block ends.

    A path is itself. What is at `http://`, `https://` or `s3://bucket/key` is copied to a
    temporary directory, which goes with the block; the endpoint and the keys of *settings* are
    used for S3.

    Raises:
        FetchError: it cannot be had in whole, or has more than *bytes_max*.
        MissingExtraError: it is in S3, and the extra `s3` is not installed.
    """
    if _SCHEME.match(origin) is None:
        yield Path(origin)
        return
    with TemporaryDirectory(prefix="millstream-") as folder:
        # The first word of the name may be that of the model.
        name = _UNSAFE.sub("-", PurePosixPath(unquote(urlsplit(origin).path)).name)[-100:]
        path = Path(folder, name.lstrip(".") or "download")
        with await to_thread.run_sync(path.open, "wb") as file:
            await _copy(origin, file, settings, bytes_max)
        yield path


async def _copy(origin: str, file: IO[bytes], settings: TilesSettings, bytes_max: int) -> None:
    parts = urlsplit(origin)
    match parts.scheme.lower():
        case "http" | "https":
            await download(origin, file, bytes_max=bytes_max)
        case "s3" if parts.netloc and parts.path.strip("/"):
            await _copy_object(parts.netloc, parts.path[1:], file, settings, bytes_max)
        case _:
            raise FetchError(
                f"{shown(origin)} is no place of a file: expected a path, http://, https:// or "
                "s3://bucket/key"
            )


async def _copy_object(
    bucket: str, name: str, file: IO[bytes], settings: TilesSettings, bytes_max: int
) -> None:
    try:
        module = import_module("consumers.objects.bucket")
    except ModuleNotFoundError as error:
        raise MissingExtraError("s3", error.name or "aiobotocore") from error
    access_key, secret_key = settings.s3_access_key, settings.s3_secret_key
    try:
        async with module.Bucket.open(
            bucket=bucket,
            endpoint=settings.s3_endpoint,
            access_key=access_key and access_key.get_secret_value(),
            secret_key=secret_key and secret_key.get_secret_value(),
            region=settings.s3_region,
            hint=_HINT,
        ) as opened:
            await opened.copy(name, partial(write, file), bytes_max=bytes_max)
    except ObjectError as error:
        raise FetchError(str(error)) from error
