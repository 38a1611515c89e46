"""What a bucket answers, and what that means: for now, or for good."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest

from consumers.objects.bucket import TRIES_MAX, Bucket
from consumers.objects.errors import (
    AccessRefusedError,
    ObjectError,
    ObjectMissingError,
    ObjectTooLargeError,
    StoreUnavailableError,
)
from tests.support.s3server import ACCESS_KEY, BUCKET, SECRET_KEY, S3Server, s3_server


@pytest.fixture
def s3() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture
async def bucket(s3: S3Server) -> AsyncIterator[Bucket]:
    async with Bucket.open(
        bucket=BUCKET, endpoint=s3.url, access_key=ACCESS_KEY, secret_key=SECRET_KEY, hint="; look"
    ) as bucket:
        yield bucket


async def test_what_was_put_is_got_and_what_was_deleted_is_missing(bucket: Bucket) -> None:
    name = "Fotos aus Köln/2024 (1)/a+b.jpg"
    await bucket.put(name, b"x" * 700_000)

    assert await bucket.get(name) == b"x" * 700_000
    assert await bucket.get(name, bytes_max=700_000) == b"x" * 700_000
    await bucket.delete(name)
    with pytest.raises(ObjectMissingError) as told:
        await bucket.get(name)
    assert told.value.name == name


async def test_a_larger_object_than_asked_for_is_not_read(s3: S3Server, bucket: Bucket) -> None:
    s3.objects["a"] = b"x" * 1001

    with pytest.raises(ObjectTooLargeError, match="more than 1000 bytes"):
        await bucket.get("a", bytes_max=1000)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (403, "AccessDenied"),
        (403, "InvalidAccessKeyId"),
        (403, "SignatureDoesNotMatch"),
        (404, "NoSuchBucket"),
        (400, "InvalidBucketName"),
    ],
)
async def test_what_people_have_to_mend_is_refused(
    s3: S3Server, bucket: Bucket, status: int, code: str
) -> None:
    s3.refusal = (status, code)

    with pytest.raises(AccessRefusedError, match=f"{code}.*; look") as told:
        await bucket.get("a")

    assert s3.asked == 1
    assert_no_secret(told.value)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (503, "SlowDown"),
        (503, "ServiceUnavailable"),
        (500, "InternalError"),
        (429, "TooManyRequests"),
        (403, "RequestTimeTooSkewed"),
    ],
)
async def test_what_passes_by_itself_is_for_now(
    s3: S3Server, bucket: Bucket, status: int, code: str
) -> None:
    s3.refusal = (status, code)

    with pytest.raises(StoreUnavailableError, match=code) as told:
        await bucket.get("a")

    assert s3.asked <= TRIES_MAX
    assert told.value.retry_after is None
    assert_no_secret(told.value)


async def test_a_wait_that_the_server_asks_for_is_told(s3: S3Server, bucket: Bucket) -> None:
    s3.refusal, s3.headers = (503, "SlowDown"), {"Retry-After": "7"}

    with pytest.raises(StoreUnavailableError) as told:
        await bucket.get("a")

    assert told.value.retry_after == timedelta(seconds=7)


async def test_no_server_is_for_now() -> None:
    async with Bucket.open(
        bucket=BUCKET, endpoint="http://127.0.0.1:1", access_key="a", secret_key="b" * 20
    ) as bucket:
        with pytest.raises(StoreUnavailableError, match=r"127\.0\.0\.1:1"):
            await bucket.get("a")


def assert_no_secret(error: ObjectError) -> None:
    assert SECRET_KEY not in str(error)
    assert ACCESS_KEY not in str(error)
