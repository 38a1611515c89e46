"""Shards in S3, or in anything that speaks its protocol."""

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager

from consumers.handlers.tiles.dataerrors import ObjectMissingError, StoreError
from consumers.handlers.tiles.store import checked_name
from consumers.objects.bucket import Bucket
from consumers.objects.errors import ObjectError
from consumers.objects.errors import ObjectMissingError as NothingThereError

_HINT = "; check S3_ENDPOINT, S3_BUCKET, S3_ACCESS_KEY and S3_SECRET_KEY"


class S3Store:
    """An `ObjectStore` in one bucket."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        *,
        bucket: str,
        endpoint: str | None,
        access_key: str | None,
        secret_key: str | None,
        region: str = "us-east-1",
    ) -> AsyncGenerator["S3Store"]:
        """A store on *bucket*, which must exist, until the block ends (see `Bucket.open`)."""
        async with Bucket.open(
            bucket=bucket,
            endpoint=endpoint,
            access_key=access_key,
            secret_key=secret_key,
            region=region,
            hint=_HINT,
        ) as opened:
            yield cls(opened)

    async def get(self, name: str) -> bytes:
        """The bytes of *name* (see `ObjectStore.get`)."""
        with _told_by_this_system():
            return await self._bucket.get(checked_name(name))

    async def put(self, name: str, data: bytes) -> None:
        """Keep *data* under *name* (see `ObjectStore.put`)."""
        with _told_by_this_system():
            await self._bucket.put(checked_name(name), data)

    async def delete(self, name: str) -> None:
        """Forget *name* (see `ObjectStore.delete`)."""
        with _told_by_this_system():
            await self._bucket.delete(checked_name(name))


@contextmanager
def _told_by_this_system() -> Generator[None]:
    try:
        yield
    except NothingThereError as error:
        raise ObjectMissingError(error.name, error.where) from None
    except ObjectError as error:
        raise StoreError(str(error)) from error
