"""Pictures in a directory and in a bucket, by the same keys."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from consumers.errors import PermanentError, RetryableError
from consumers.handlers.gradients import pictures as module
from consumers.handlers.gradients.errors import (
    ImageTooLargeError,
    PictureMissingError,
    StoreRefusedError,
    StoreUnavailableError,
)
from consumers.handlers.gradients.pictures import LocalPictures, Pictures, open_pictures
from consumers.handlers.gradients.settings import GradientSettings
from tests.support.s3server import ACCESS_KEY, BUCKET, SECRET_KEY, S3Server, s3_server

KEY = "Meine Galerie/uploads/2024-01-15/größe.jpg"


@pytest.fixture
def s3() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


def settings_of(s3: S3Server, **changes: str) -> GradientSettings:
    return GradientSettings.from_environment(
        {
            "S3_ENDPOINT": s3.url,
            "S3_ACCESS_KEY": ACCESS_KEY,
            "S3_SECRET_KEY": SECRET_KEY,
            "MASTER_BUCKET_NAME": BUCKET,
            **changes,
        }
    )


@pytest.fixture(params=["directory", "s3"])
async def pictures(
    request: pytest.FixtureRequest, tmp_path: Path, s3: S3Server
) -> AsyncIterator[Pictures]:
    """A store that holds one picture."""
    if request.param == "s3":
        s3.objects[KEY] = b"picture"
        settings = settings_of(s3)
    else:
        (tmp_path / KEY).parent.mkdir(parents=True)
        (tmp_path / KEY).write_bytes(b"picture")
        settings = GradientSettings.from_environment({"MILLSTREAM_GRADIENTS_DIR": str(tmp_path)})
    async with open_pictures(settings) as pictures:
        yield pictures


async def test_a_picture_is_got_by_its_key(pictures: Pictures) -> None:
    assert await pictures.get(KEY) == b"picture"


async def test_a_missing_picture_is_named_and_missing_for_good(pictures: Pictures) -> None:
    with pytest.raises(PictureMissingError, match=r"no picture 'a/b\.jpg'") as told:
        await pictures.get("a/b.jpg")
    assert isinstance(told.value, PermanentError)


async def test_a_larger_file_than_allowed_is_refused(
    pictures: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BYTES_MAX", 6)

    with pytest.raises(ImageTooLargeError, match="image_too_large"):
        await pictures.get(KEY)


@pytest.mark.parametrize("key", ["../secret", "link/secret", "out"])
async def test_nothing_outside_of_the_directory_is_read(tmp_path: Path, key: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret").write_text("canary")
    (root / "link").symlink_to(tmp_path)
    (root / "out").symlink_to(tmp_path / "secret")

    with pytest.raises(PictureMissingError):
        await LocalPictures(root).get(key)


async def test_a_folder_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()

    with pytest.raises(PictureMissingError):
        await LocalPictures(tmp_path).get("a")


async def test_wrong_keys_are_refused_for_good_and_named_without_the_secret(s3: S3Server) -> None:
    others = {"S3_ACCESS_KEY": "other-key", "S3_SECRET_KEY": "canary-secret-of-nobody"}
    wrong = settings_of(s3, **others)
    async with open_pictures(wrong) as pictures:
        with pytest.raises(StoreRefusedError) as told:
            await pictures.get(KEY)

    assert isinstance(told.value, PermanentError)
    said = str(told.value)
    assert said.startswith("access_refused: ")
    assert "InvalidAccessKeyId (the access key is unknown there)" in said
    assert "check S3_ENDPOINT, MASTER_BUCKET_NAME, S3_ACCESS_KEY and S3_SECRET_KEY" in said
    assert "canary" not in said


async def test_a_store_that_fails_is_tried_again(s3: S3Server) -> None:
    s3.refusal = (503, "SlowDown")
    async with open_pictures(settings_of(s3)) as pictures:
        with pytest.raises(StoreUnavailableError, match="SlowDown") as told:
            await pictures.get(KEY)
        assert isinstance(told.value, RetryableError)

        s3.refusal = None
        s3.objects[KEY] = b"picture"
        assert await pictures.get(KEY) == b"picture"


async def test_no_bucket_is_opened_before_it_is_needed(s3: S3Server) -> None:
    async with open_pictures(settings_of(s3)):
        pass

    assert s3.asked == 0
