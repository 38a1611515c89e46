"""A bucket on a server that checks signatures: what no double of S3 would find."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, suppress

import pytest

from consumers.handlers.gradients.errors import StoreRefusedError
from consumers.handlers.gradients.gradient import gradient_of
from consumers.handlers.gradients.pictures import open_pictures
from consumers.handlers.gradients.settings import GradientSettings
from consumers.objects.bucket import Bucket
from consumers.objects.errors import AccessRefusedError, ObjectMissingError, ObjectTooLargeError
from tests.support.pictures import plain, saved
from tests.support.swiftserver import ACCESS_KEY, SECRET_KEY, needs_swift, swift_server

pytestmark = needs_swift

NAME = "Fotos aus Köln/2024-01-15 (1)/a+b&c=d.png"
GALLERY = "galleries"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with swift_server(tmp_path_factory.mktemp("swift")) as url:
        yield url


@pytest.fixture
async def bucket(endpoint: str) -> AsyncIterator[Bucket]:
    async with opened(endpoint) as bucket:
        with suppress(bucket._client.exceptions.BucketAlreadyOwnedByYou):
            await bucket._client.create_bucket(Bucket=GALLERY)
        yield bucket


def opened(
    endpoint: str, *, name: str = GALLERY, **keys: str
) -> AbstractAsyncContextManager[Bucket]:
    return Bucket.open(
        bucket=name,
        endpoint=endpoint,
        access_key=keys.get("access_key", ACCESS_KEY),
        secret_key=keys.get("secret_key", SECRET_KEY),
    )


async def test_objects_are_put_got_replaced_and_deleted(bucket: Bucket) -> None:
    for data in (b"x" * 3_000_000, b"", b"second"):
        await bucket.put(NAME, data)
        assert await bucket.get(NAME) == data
        assert await bucket.get(NAME, bytes_max=len(data)) == data
    with pytest.raises(ObjectTooLargeError):
        await bucket.get(NAME, bytes_max=5)

    await bucket.delete(NAME)
    with pytest.raises(ObjectMissingError):
        await bucket.get(NAME)


async def test_a_wrong_secret_is_refused_and_named(endpoint: str, bucket: Bucket) -> None:
    await bucket.put(NAME, b"x")

    async with opened(endpoint, secret_key="canary-wrong") as wrong:  # noqa: S106 - it is wrong
        with pytest.raises(AccessRefusedError) as told:
            await wrong.get(NAME)

    assert "SignatureDoesNotMatch (the secret key does not fit the access key)" in str(told.value)
    assert "canary" not in str(told.value)


async def test_an_unknown_access_key_is_refused(endpoint: str, bucket: Bucket) -> None:
    await bucket.put(NAME, b"x")

    async with opened(endpoint, access_key="test:nobody") as wrong:
        with pytest.raises(AccessRefusedError, match="SignatureDoesNotMatch"):
            await wrong.get(NAME)


async def test_a_bucket_that_is_not_there_is_refused(endpoint: str) -> None:
    async with opened(endpoint, name="nowhere") as wrong:
        with pytest.raises(AccessRefusedError, match="NoSuchBucket"):
            await wrong.get(NAME)


async def test_a_picture_comes_from_there_to_its_gradient(endpoint: str, bucket: Bucket) -> None:
    await bucket.put(NAME, saved(plain((49, 55, 136))))
    environment = {
        "S3_ENDPOINT": endpoint,
        "S3_ACCESS_KEY": ACCESS_KEY,
        "S3_SECRET_KEY": SECRET_KEY,
        "MASTER_BUCKET_NAME": GALLERY,
    }

    async with open_pictures(GradientSettings.from_environment(environment)) as pictures:
        assert gradient_of(await pictures.get(NAME)).primary == "#313788"
    forged = GradientSettings.from_environment({**environment, "S3_SECRET_KEY": "canary"})
    async with open_pictures(forged) as pictures:
        with pytest.raises(StoreRefusedError, match="SignatureDoesNotMatch"):
            await pictures.get(NAME)
