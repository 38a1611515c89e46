"""Where pictures lie: a bucket, or a directory."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Protocol

import anyio
from anyio import to_thread

from consumers.errors import MissingExtraError
from consumers.handlers.gradients.errors import (
    ImageTooLargeError,
    PictureMissingError,
    StoreRefusedError,
    StoreUnavailableError,
)
from consumers.handlers.gradients.settings import GradientSettings
from consumers.objects.errors import AccessRefusedError, ObjectMissingError, ObjectTooLargeError
from consumers.objects.errors import StoreUnavailableError as NoAnswerError

#: A larger file is refused before it is read.
BYTES_MAX: Final = 50 * 1024 * 1024

_LIMIT: Final = f"{BYTES_MAX // (1024 * 1024)} MiB"
_HINT: Final = "; check S3_ENDPOINT, MASTER_BUCKET_NAME, S3_ACCESS_KEY and S3_SECRET_KEY"


class Pictures(Protocol):
    """Image files by their key."""

    async def get(self, key: str) -> bytes:
        """The file under *key*.

        Raises:
            PictureMissingError, ImageTooLargeError, StoreRefusedError: for good.
            StoreUnavailableError: for now.
        """
        ...


class LocalPictures:
    """Pictures in a directory; what a link leads out of it is not there."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    async def get(self, key: str) -> bytes:
        """The file under *key* (see `Pictures.get`)."""
        return await to_thread.run_sync(self._read, key)

    def _read(self, key: str) -> bytes:
        where = f"the directory {self._root}"
        try:
            path = (self._root / key).resolve()
            if not path.is_relative_to(self._root) or not path.is_file():
                raise PictureMissingError(key, where)
            with path.open("rb") as file:
                data = file.read(BYTES_MAX + 1)
        except FileNotFoundError:
            raise PictureMissingError(key, where) from None
        except PermissionError:
            raise StoreRefusedError(f"cannot read '{key}' in {where}: check its rights") from None
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise StoreUnavailableError(f"cannot read '{key}' in {where}: {reason}") from error
        if len(data) > BYTES_MAX:
            raise ImageTooLargeError(f"more than {_LIMIT}", _LIMIT)
        return data


class BucketPictures:
    """Pictures in a bucket, which is opened when the first one is asked for.

    A worker whose children do the work never asks, and is spared the client: 42 MB.
    """

    def __init__(self, settings: GradientSettings, stack: AsyncExitStack) -> None:
        self._settings = settings
        self._stack = stack
        self._opening = anyio.Lock()
        self._bucket: _Readable | None = None

    async def get(self, key: str) -> bytes:
        """The file under *key* (see `Pictures.get`)."""
        bucket = await self._opened()
        try:
            return await bucket.get(key, bytes_max=BYTES_MAX)
        except ObjectMissingError as error:
            raise PictureMissingError(key, error.where) from None
        except ObjectTooLargeError:
            raise ImageTooLargeError(f"more than {_LIMIT}", _LIMIT) from None
        except AccessRefusedError as error:
            raise StoreRefusedError(f"access_refused: {error}") from None
        except NoAnswerError as error:
            raise StoreUnavailableError(str(error), retry_after=error.retry_after) from None

    async def _opened(self) -> "_Readable":
        async with self._opening:
            if self._bucket is None:
                settings = self._settings
                access_key, secret_key = settings.s3_access_key, settings.s3_secret_key
                module = import_module("consumers.objects.bucket")
                opened: _Readable = await self._stack.enter_async_context(
                    module.Bucket.open(
                        bucket=settings.bucket or "",
                        endpoint=settings.s3_endpoint,
                        access_key=access_key and access_key.get_secret_value(),
                        secret_key=secret_key and secret_key.get_secret_value(),
                        region=settings.s3_region,
                        hint=_HINT,
                    )
                )
                self._bucket = opened
            return self._bucket


class _Readable(Protocol):
    async def get(self, name: str, *, bytes_max: int | None = None) -> bytes: ...


@asynccontextmanager
async def open_pictures(settings: GradientSettings) -> AsyncGenerator[Pictures]:
    """The pictures that *settings* name, until the block ends.

    Raises:
        MissingExtraError: they are in S3 and its client is not installed.
    """
    if settings.pictures_dir is not None:
        yield LocalPictures(settings.pictures_dir)
        return
    if find_spec("aiobotocore") is None:
        raise MissingExtraError("s3", "aiobotocore")
    async with AsyncExitStack() as stack:
        yield BucketPictures(settings, stack)
