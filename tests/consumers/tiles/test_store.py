"""One suite for every store: a directory, and S3 on a real socket."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import anyio
import pytest

from consumers.handlers.tiles.dataerrors import ObjectMissingError, StoreError
from consumers.handlers.tiles.store import LocalStore, ObjectStore, checked_name
from tests.support.s3server import ACCESS_KEY, BUCKET, SECRET_KEY, S3Server, s3_server

NAME = "gfs/20261122T060000Z/TMP_2m/0000000s-00ff_shard_0000.bin"


@pytest.fixture
def s3() -> Iterator[S3Server]:
    pytest.importorskip("aiobotocore")
    with s3_server() as server:
        yield server


@pytest.fixture
async def s3_store(s3: S3Server) -> AsyncIterator[ObjectStore]:
    from consumers.handlers.tiles.s3store import S3Store  # noqa: PLC0415 - an extra

    async with S3Store.open(
        bucket=BUCKET, endpoint=s3.url, access_key=ACCESS_KEY, secret_key=SECRET_KEY
    ) as store:
        yield store


@pytest.fixture(params=["directory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "directory":
        return LocalStore(tmp_path / "shards")
    found: ObjectStore = request.getfixturevalue("s3_store")
    return found


async def test_what_was_put_is_what_is_got(store: ObjectStore) -> None:
    data = bytes(range(256)) * 4096

    await store.put(NAME, data)

    assert await store.get(NAME) == data


async def test_a_put_replaces_the_whole_object(store: ObjectStore) -> None:
    await store.put(NAME, b"a longer first version")
    await store.put(NAME, b"second")

    assert await store.get(NAME) == b"second"


async def test_a_missing_object_is_named_and_what_to_check(store: ObjectStore) -> None:
    with pytest.raises(ObjectMissingError, match="use the same store") as caught:
        await store.get(NAME)

    assert caught.value.name == NAME


async def test_a_deleted_object_is_missing_and_may_be_deleted_again(store: ObjectStore) -> None:
    await store.put(NAME, b"x")

    await store.delete(NAME)
    await store.delete(NAME)

    with pytest.raises(ObjectMissingError):
        await store.get(NAME)


NOT_PLAIN = ["", "/etc/passwd", "../up", "a/../b", "a//b", "a/.b", "a/", "a b", "a\\b", "a\n", "ü"]


async def test_a_name_that_is_not_plain_is_refused(store: ObjectStore) -> None:
    for name in NOT_PLAIN:
        for use in (store.get(name), store.put(name, b""), store.delete(name)):
            with pytest.raises(StoreError, match="is no object name"):
                await use


def test_a_name_without_end_is_refused() -> None:
    with pytest.raises(StoreError, match="at most 800 characters"):
        checked_name("/".join(["a" * 100] * 9))


async def test_a_reader_never_sees_half_an_object(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    versions = [bytes([number]) * 300_000 for number in range(8)]
    await store.put(NAME, versions[0])

    async def write() -> None:
        for version in versions:
            await store.put(NAME, version)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(write)
        for _ in range(40):
            assert await store.get(NAME) in versions


def test_a_finished_put_leaves_nothing_beside_the_object(tmp_path: Path) -> None:
    anyio.run(LocalStore(tmp_path).put, NAME, b"x")

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / NAME]


async def test_a_directory_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(StoreError, match="name another one in MILLSTREAM_STORE"):
        await LocalStore(tmp_path / "file").put(NAME, b"x")


async def test_a_failing_s3_is_told_without_its_keys(s3: S3Server, s3_store: ObjectStore) -> None:
    s3.failing = True

    with pytest.raises(
        StoreError, match=r"cannot read .* InternalError; check S3_ENDPOINT"
    ) as told:
        await s3_store.get(NAME)

    assert ACCESS_KEY not in str(told.value)
    assert SECRET_KEY not in str(told.value)
    assert not isinstance(told.value, ObjectMissingError)


async def test_an_s3_that_is_not_there_is_a_store_error(s3: S3Server) -> None:
    from consumers.handlers.tiles.s3store import S3Store  # noqa: PLC0415 - an extra

    where = "http://127.0.0.1:1"
    async with S3Store.open(
        bucket=BUCKET, endpoint=where, access_key=ACCESS_KEY, secret_key=SECRET_KEY
    ) as store:
        with pytest.raises(StoreError, match=where):
            await store.put(NAME, b"x")
    assert s3.objects == {}


async def test_wrong_keys_and_buckets_are_told(s3: S3Server) -> None:
    from consumers.handlers.tiles.s3store import S3Store  # noqa: PLC0415 - an extra

    async with S3Store.open(
        bucket=BUCKET, endpoint=s3.url, access_key="other", secret_key="x" * 20
    ) as store:
        with pytest.raises(StoreError, match="InvalidAccessKeyId"):
            await store.get(NAME)
    async with S3Store.open(
        bucket="none", endpoint=s3.url, access_key=ACCESS_KEY, secret_key=SECRET_KEY
    ) as store:
        with pytest.raises(StoreError, match="NoSuchBucket"):
            await store.put(NAME, b"x")
