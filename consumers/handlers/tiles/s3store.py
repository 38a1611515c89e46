"""Shards in S3, or in anything that speaks its protocol."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from aiobotocore.config import AioConfig  # type: ignore[import-untyped]
from aiobotocore.session import get_session  # type: ignore[import-untyped]
from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

from consumers.handlers.tiles.dataerrors import ObjectMissingError, StoreError
from consumers.handlers.tiles.store import checked_name

#: Requests at the same time. A tile needs few shards; concurrent jobs share this pool.
CONNECTIONS_MAX = 32

#: Tries of one request inside the client, before the job's own retry takes over.
TRIES_MAX = 3

CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 30

_MISSING = frozenset({"404", "NoSuchKey"})


class S3Store:
    """An `ObjectStore` in one bucket."""

    def __init__(self, client: Any, bucket: str, where: str) -> None:
        self._client = client
        self._bucket = bucket
        self._where = where

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
        """A store on *bucket*, with one pool of connections until the block ends.

        Without *endpoint* it is Amazon's own service; without keys, botocore looks where
        it always does (environment, profile, instance role). The bucket must exist.
        """
        config = AioConfig(
            connect_timeout=CONNECT_TIMEOUT_S,
            max_pool_connections=CONNECTIONS_MAX,
            read_timeout=READ_TIMEOUT_S,
            retries={"mode": "standard", "total_max_attempts": TRIES_MAX},
            # Buckets as host names need a DNS that self-hosted servers do not have.
            s3={"addressing_style": "path" if endpoint else "auto"},
        )
        async with get_session().create_client(
            "s3",
            endpoint_url=endpoint,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            region_name=region,
            config=config,
        ) as client:
            yield cls(client, bucket, f"the bucket '{bucket}' at {endpoint or 'Amazon S3'}")

    async def get(self, name: str) -> bytes:
        """The bytes of *name* (see `ObjectStore.get`)."""
        try:
            answer = await self._client.get_object(Bucket=self._bucket, Key=checked_name(name))
            async with answer["Body"] as body:
                data: bytes = await body.read()
        except ClientError as error:
            if _code(error) in _MISSING:
                raise ObjectMissingError(name, self._where) from None
            raise self._failed("read", name, error) from error
        except (BotoCoreError, OSError) as error:
            raise self._failed("read", name, error) from error
        return data

    async def put(self, name: str, data: bytes) -> None:
        """Keep *data* under *name* (see `ObjectStore.put`)."""
        try:
            await self._client.put_object(Bucket=self._bucket, Key=checked_name(name), Body=data)
        except (BotoCoreError, ClientError, OSError) as error:
            raise self._failed("write", name, error) from error

    async def delete(self, name: str) -> None:
        """Forget *name* (see `ObjectStore.delete`)."""
        try:
            await self._client.delete_object(Bucket=self._bucket, Key=checked_name(name))
        except (BotoCoreError, ClientError, OSError) as error:
            raise self._failed("delete", name, error) from error

    def _failed(self, verb: str, name: str, error: Exception) -> StoreError:
        # botocore's own texts may quote the request; its error code never holds a secret.
        reason = _code(error) if isinstance(error, ClientError) else type(error).__name__
        return StoreError(
            f"cannot {verb} '{name}' in {self._where}: {reason}; check S3_ENDPOINT, S3_BUCKET, "
            "S3_ACCESS_KEY and S3_SECRET_KEY"
        )


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "unknown"))
