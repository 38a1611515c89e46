from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from consumers.handlers.tiles.dataerrors import TilesSettingsError
from consumers.handlers.tiles.settings import VARIABLES, TilesSettings


def settings(**environment: str) -> TilesSettings:
    return TilesSettings.from_environment({"MILLSTREAM_DATA_DIR": "/data", **environment})


def test_without_any_name_everything_lies_in_the_users_data_directory() -> None:
    home = TilesSettings.from_environment({})
    xdg = TilesSettings.from_environment({"XDG_DATA_HOME": "/xdg"})

    assert home.data_dir == Path.home() / ".local" / "share" / "millstream"
    assert xdg.data_dir == Path("/xdg/millstream")
    assert xdg.catalog_url == "sqlite:////xdg/millstream/catalog.sqlite"
    assert xdg.shards_dir == Path("/xdg/millstream/shards")
    assert not xdg.uses_s3
    assert xdg.lookup_ttl == timedelta(seconds=2)
    assert xdg.shard_cache_bytes == 128 * 1024 * 1024


def test_every_place_can_be_named() -> None:
    named = settings(DATABASE_URL="postgresql://u:p@h/d", MILLSTREAM_STORE="/shards")

    assert named.catalog_url == "postgresql://u:p@h/d"
    assert named.shards_dir == Path("/shards")


def test_shards_are_in_s3_where_it_is_named_and_no_directory_is() -> None:
    assert settings(S3_ENDPOINT="http://minio:9000").uses_s3
    assert settings(S3_BUCKET="shards").uses_s3
    assert not settings(S3_ENDPOINT="http://minio:9000", MILLSTREAM_STORE="/shards").uses_s3


def test_an_empty_value_counts_as_none() -> None:
    assert (
        settings(DATABASE_URL="", S3_ENDPOINT="", MILLSTREAM_TILES_LOOKUP_TTL_MS="") == settings()
    )


def test_no_secret_shows() -> None:
    names = ("S3_ACCESS_KEY", "S3_SECRET_KEY")
    secret = settings(DATABASE_URL="postgresql://u:hidden@h/d", **dict.fromkeys(names, "hidden"))

    assert "hidden" not in repr(secret)
    assert "hidden" not in secret.model_dump_json()


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("MILLSTREAM_TILES_SHARD_CACHE_MIB", "0", "MILLSTREAM_TILES_SHARD_CACHE_MIB: Input should"),
        ("MILLSTREAM_TILES_SHARD_CACHE_MIB", "much", "valid integer"),
        ("MILLSTREAM_TILES_LOOKUP_TTL_MS", "-1", "MILLSTREAM_TILES_LOOKUP_TTL_MS: "),
        ("S3_ENDPOINT", "minio:9000", "S3_ENDPOINT: "),
        ("S3_BUCKET", "No Bucket", "S3_BUCKET: "),
        ("S3_SECRET_KEY", "hidden", "S3_ACCESS_KEY and S3_SECRET_KEY belong together"),
        (
            "MILLSTREAM_TILES_SHARD_CACHE",
            "1",
            "did you mean MILLSTREAM_TILES_SHARD_CACHE_MIB",
        ),
        ("MILLSTREAM_TILES_", "1", "unknown setting"),
    ],
)
def test_a_value_that_cannot_be_used_is_told_by_its_name(
    name: str, value: str, problem: str
) -> None:
    with pytest.raises(TilesSettingsError, match=problem) as caught:
        settings(**{name: value})

    assert "hidden" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_settings_of_others_are_left_alone() -> None:
    assert settings(MILLSTREAM_QUEUE="x", TILES="y", S3_SOMETHING="z") == settings()


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        settings().data_dir = Path("/other")  # type: ignore[misc]


def test_every_variable_is_a_field() -> None:
    assert set(VARIABLES.values()) == set(TilesSettings.model_fields) - {"data_dir"}
