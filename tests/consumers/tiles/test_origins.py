"""Files that are elsewhere, and what keeps them from coming."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import gettempdir

import pytest

from consumers.handlers.tiles.dataerrors import FetchError
from consumers.handlers.tiles.origins import local_file
from consumers.handlers.tiles.settings import TilesSettings
from tests.consumers.tiles.typed import complaint, millstream
from tests.support.s3server import ACCESS_KEY, BUCKET, SECRET_KEY, s3_server
from tests.support.webserver import WebServer, web_server


@pytest.fixture
def web() -> Iterator[WebServer]:
    with web_server() as server:
        yield server


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where downloads go in the meantime."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    assert gettempdir() == str(folder)
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> TilesSettings:
    return TilesSettings(data_dir=tmp_path)


def kept_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def read(origin: str, settings: TilesSettings, bytes_max: int = 10_000_000) -> bytes:
    async with local_file(origin, settings, bytes_max=bytes_max) as path:
        return path.read_bytes()


async def test_a_path_is_itself(settings: TilesSettings, tmp_path: Path) -> None:
    async with local_file(str(tmp_path / "a.grib2"), settings) as path:
        assert path == tmp_path / "a.grib2"


async def test_a_url_is_a_file_with_its_name_for_as_long_as_it_is_needed(
    web: WebServer, settings: TilesSettings, temporary: Path
) -> None:
    web.files["/run/gfs%20a.grib2?key=1"] = b"x" * 3_000_000

    async with local_file(f"{web.url}/run/gfs%20a.grib2?key=1", settings) as path:
        assert path.name == "gfs-a.grib2"
        assert path.read_bytes() == b"x" * 3_000_000

    assert kept_in(temporary) == []


async def test_a_redirect_to_another_server_is_followed_and_one_to_a_file_is_not(
    web: WebServer, settings: TilesSettings
) -> None:
    web.files["/there"] = b"data"
    web.redirects |= {"/here": f"{web.url}/there", "/inside": "file:///etc/passwd"}

    assert await read(f"{web.url}/here", settings) == b"data"
    with pytest.raises(FetchError, match="/inside answers 302"):
        await read(f"{web.url}/inside", settings)


async def test_what_breaks_off_is_not_kept(
    web: WebServer, settings: TilesSettings, temporary: Path
) -> None:
    web.files["/a"] = b"x" * 1000
    web.breaking.add("/a")

    with pytest.raises(FetchError, match="500 of 1000 bytes: nothing was kept"):
        await read(f"{web.url}/a", settings)
    assert kept_in(temporary) == []


async def test_a_larger_file_than_allowed_is_not_read(
    web: WebServer, settings: TilesSettings
) -> None:
    web.files["/a"] = b"x" * 1001

    with pytest.raises(FetchError, match="has 1001 bytes: at most 1000 are taken"):
        await read(f"{web.url}/a", settings, bytes_max=1000)


async def test_what_is_not_there_is_told_without_secrets(
    web: WebServer, settings: TilesSettings
) -> None:
    address = web.url.replace("//", "//user:secret@")

    with pytest.raises(FetchError, match="/a answers 404 Not Found: nothing is there") as told:
        await read(f"{web.url}/a?signature=secret", settings)
    assert "secret" not in str(told.value)
    with pytest.raises(FetchError) as told:
        await read(f"{address}/a", settings)
    assert "secret" not in str(told.value)


@pytest.mark.parametrize("origin", ["ftp://host/a", "s3://bucket", "s3:///key", "file:///etc/x"])
async def test_other_places_are_refused(origin: str, settings: TilesSettings) -> None:
    with pytest.raises(FetchError, match="expected a path, http://, https:// or s3://bucket/key"):
        await read(origin, settings)


async def test_an_object_of_a_bucket_is_a_file(tmp_path: Path) -> None:
    pytest.importorskip("aiobotocore")
    with s3_server() as server:
        server.objects["runs/gfs.grib2"] = b"x" * 700_000
        settings = TilesSettings(
            data_dir=tmp_path,
            s3_endpoint=server.url,
            s3_access_key=ACCESS_KEY,
            s3_secret_key=SECRET_KEY,
        )
        origin = f"s3://{BUCKET}/runs/gfs.grib2"

        assert await read(origin, settings) == b"x" * 700_000
        with pytest.raises(FetchError, match="more than 1000 bytes"):
            await read(origin, settings, bytes_max=1000)
        with pytest.raises(FetchError, match="no object 'other'"):
            await read(f"s3://{BUCKET}/other", settings)


@pytest.mark.usefixtures("folder")
def test_ingest_takes_a_url(
    web: WebServer, forecast_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    web.files["/forecast.grib2"] = forecast_file.read_bytes()

    assert millstream("ingest", f"{web.url}/forecast.grib2") == 0
    assert "ifs_WIND_10m" in capsys.readouterr().out


@pytest.mark.usefixtures("folder")
def test_a_server_that_is_away_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with web_server() as gone:
        pass

    assert millstream("ingest", f"{gone.url}/forecast.grib2") == 1
    assert "cannot be reached" in complaint(capsys)
