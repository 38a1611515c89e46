"""Objects in S3, or in anything that speaks its protocol."""

import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, NoReturn

from aiobotocore.config import AioConfig  # type: ignore[import-untyped]
from aiobotocore.session import get_session  # type: ignore[import-untyped]
from aiohttp import ClientError as ConnectionBrokenError
from anyio import to_thread
from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

from consumers.errors import retry_after
from consumers.objects.errors import (
    AccessRefusedError,
    ObjectError,
    ObjectMissingError,
    ObjectTooLargeError,
    StoreUnavailableError,
)

#: Requests at the same time: concurrent jobs share this pool.
CONNECTIONS_MAX = 32

#: Tries of one request inside the client, before the job's own retry takes over.
TRIES_MAX = 3

CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 30

_CHUNK_BYTES = 256 * 1024

_MISSING = frozenset({"404", "NoSuchKey"})
#: What these refuse passes: a clock that is wrong, and what an upload of somebody else holds up.
_PASSING = frozenset({"RequestTimeTooSkewed", "RequestTimeout", "OperationAborted", "SlowDown"})
#: Statuses of HTTP that ask to come back later, and from which on the server is to blame.
_LATER = frozenset({408, 409, 425, 429})
_SERVER_ERROR = 500

#: What the error codes of S3 mean to the one who has to mend it.
_MEANINGS = {
    "AccessDenied": "the access key has no right to do that",
    "InvalidAccessKeyId": "the access key is unknown there",
    "SignatureDoesNotMatch": "the secret key does not fit the access key",
    "NoSuchBucket": "the bucket does not exist",
}

_FAILURES = (BotoCoreError, ClientError, ConnectionBrokenError, OSError)


class Bucket:
    """One bucket, with a pool of connections. Made by `open`."""

    def __init__(self, client: Any, name: str, where: str, hint: str) -> None:
        self._client = client
        self._name = name
        self._hint = hint
        #: What messages call it.
        self.where = where

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
        hint: str = "",
    ) -> AsyncGenerator["Bucket"]:
        """The bucket, until the block ends; nothing is asked yet.

        Without *endpoint* it is Amazon's own service; without keys, botocore looks where
        it always does (environment, profile, instance role). *hint* ends the messages about
        access: which settings to look at.
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
            yield cls(client, bucket, f"the bucket '{bucket}' at {endpoint or 'Amazon S3'}", hint)

    async def get(self, name: str, *, bytes_max: int | None = None) -> bytes:
        """The bytes of *name*; of a larger object than *bytes_max* none, or no more than that.

        Raises:
            ObjectError: one of its kinds (see `consumers.objects.errors`).
        """
        limit = sys.maxsize if bytes_max is None else bytes_max
        try:
            answer = await self._client.get_object(Bucket=self._name, Key=name)
            async with answer["Body"] as body:
                if int(answer.get("ContentLength", 0)) <= limit:
                    data = await _read(body, limit)
                    if data is not None:
                        return data
        except _FAILURES as error:
            self._raise("read", name, error)
        raise ObjectTooLargeError(name, self.where, limit)

    async def copy(self, name: str, write: Callable[[bytes], object], *, bytes_max: int) -> None:
        """Call *write*, in a thread, with one piece of *name* after the other.

        Raises:
            ObjectError: as for `get`; *write* may have had a part then. What *write* raises
                passes, unless it is an `OSError`.
        """
        try:
            answer = await self._client.get_object(Bucket=self._name, Key=name)
            async with answer["Body"] as body:
                count = 0
                while chunk := await body.read(_CHUNK_BYTES):
                    count += len(chunk)
                    if count > bytes_max:
                        raise ObjectTooLargeError(name, self.where, bytes_max)
                    await to_thread.run_sync(write, chunk)
        except _FAILURES as error:
            self._raise("read", name, error)

    async def put(self, name: str, data: bytes) -> None:
        """Keep *data* under *name*, in place of what was there.

        Raises:
            ObjectError: as for `get`.
        """
        try:
            await self._client.put_object(Bucket=self._name, Key=name, Body=data)
        except _FAILURES as error:
            self._raise("write", name, error)

    async def delete(self, name: str) -> None:
        """Forget *name*; it need not exist.

        Raises:
            ObjectError: as for `get`.
        """
        try:
            await self._client.delete_object(Bucket=self._name, Key=name)
        except _FAILURES as error:
            self._raise("delete", name, error)

    def _raise(self, verb: str, name: str, error: Exception) -> NoReturn:
        raise self._error(verb, name, error) from None

    def _error(self, verb: str, name: str, error: Exception) -> ObjectError:
        # botocore's own texts may quote the request; its error code never holds a secret.
        what = f"cannot {verb} '{name}' in {self.where}"
        if not isinstance(error, ClientError):
            return StoreUnavailableError(f"{what}: {type(error).__name__}{self._hint}")
        code = str(error.response.get("Error", {}).get("Code", "unknown"))
        answer = error.response.get("ResponseMetadata", {})
        status = int(answer.get("HTTPStatusCode", 0))
        if code in _MISSING:
            return ObjectMissingError(name, self.where)
        reason = f"{code} ({_MEANINGS[code]})" if code in _MEANINGS else code
        if code in _PASSING or status in _LATER or not 0 < status < _SERVER_ERROR:
            asked = retry_after(answer.get("HTTPHeaders", {}).get("retry-after"))
            return StoreUnavailableError(f"{what}: {reason}{self._hint}", retry_after=asked)
        return AccessRefusedError(f"{what}: {reason}{self._hint}")


async def _read(body: Any, bytes_max: int) -> bytes | None:
    """All of *body*; None where it has more than *bytes_max*, whatever was announced."""
    data = bytearray()
    while chunk := await body.read(_CHUNK_BYTES):
        data += chunk
        if len(data) > bytes_max:
            return None
    return bytes(data)
