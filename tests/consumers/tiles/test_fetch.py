"""`millstream tiles fetch` against a server of this machine."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from consumers.handlers.tiles.feeds import FEEDS
from tests.consumers.tiles.typed import complaint, millstream
from tests.support.webserver import WebServer, web_server

RUN = datetime(2026, 11, 28, 6, tzinfo=UTC)
FOLDER = "/gfs.20261128/06/atmos/gfs.t06z.pgrb2.0p25"

NAMES = ("TMP:2 m above ground", "RH:2 m above ground", "TMP:surface")


def message(letter: bytes) -> bytes:
    """The least that counts as whole, in 100 bytes: an indicator with the length, and the end."""
    body = letter * 80
    return b"GRIB\x00\x00\x00\x02" + (len(body) + 20).to_bytes(8) + body + b"7777"


MESSAGES = [message(letter) for letter in (b"a", b"b", b"c")]
INDEX = "".join(
    f"{n + 1}:{n * 100}:d=2026112806:{name}:3 hour fcst:\n" for n, name in enumerate(NAMES)
)


@pytest.fixture
def noaa() -> Iterator[WebServer]:
    """Hours 3 and 6 of a run."""
    with web_server() as server:
        for hour in (3, 6):
            server.files[f"{FOLDER}.f{hour:03}"] = b"".join(MESSAGES)
            server.files[f"{FOLDER}.f{hour:03}.idx"] = INDEX.encode()
        yield server


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "new" / "grib"


def fetch(noaa: WebServer, output: Path, *more: str, hours: str = "3-6:3") -> int:
    return millstream(
        "fetch", "gfs", "--run", "2026-11-28T06:00Z", "--hours", hours, "--base-url", noaa.url,
        "-o", output, *more,
    )  # fmt: skip


def test_only_the_bytes_of_wanted_messages_are_asked_for(
    noaa: WebServer, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fetch(noaa, output, "--parameters", "TMP:*", "--json") == 0

    names = ["gfs.20261128t06z.f003.grib2", "gfs.20261128t06z.f006.grib2"]
    assert [path.name for path in sorted(output.iterdir())] == names
    assert (output / names[0]).read_bytes() == MESSAGES[0] + MESSAGES[2]
    assert [each["bytes"] for each in json.loads(capsys.readouterr().out)] == [200, 200]
    spans = [span for path, span in noaa.asked if not path.endswith(".idx")]
    assert spans == ["bytes=0-99", "bytes=200-"] * 2


def test_people_are_told_what_to_do_next(
    noaa: WebServer, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fetch(noaa, output, "--parameters", "TMP:2m", hours="3") == 0

    out = capsys.readouterr().out
    assert "gfs.20261128t06z.f003.grib2: 100 bytes" in out
    assert "millstream tiles ingest FILE" in out


def test_an_hour_that_is_not_there_leaves_none(
    noaa: WebServer, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fetch(noaa, output, "--parameters", "TMP:2m", hours="3,6,9") == 1

    assert "f009.idx answers 404" in complaint(capsys)
    assert list(output.iterdir()) == []


def test_a_message_that_is_not_there_says_what_is(
    noaa: WebServer, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fetch(noaa, output, "--parameters", "TMP:3m") == 1

    assert "no TMP:3m: TMP is there at 2m, surface" in complaint(capsys)
    assert list(output.iterdir()) == []


def test_an_index_of_another_file_is_noticed(
    noaa: WebServer, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noaa.files[f"{FOLDER}.f003.idx"] = INDEX.replace(":100:", ":90:").encode()

    assert fetch(noaa, output, "--parameters", "TMP:2m", hours="3") == 1

    assert "does not fit its index" in complaint(capsys)
    assert list(output.iterdir()) == []


def test_a_server_that_sends_whole_files_only_is_refused(
    noaa: WebServer, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noaa.ranges = False

    assert fetch(noaa, output, "--parameters", "TMP:2m") == 1
    assert "does not send parts of files" in complaint(capsys)


def test_without_network_one_line_says_so(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with web_server() as gone:
        pass

    assert fetch(gone, output, "--parameters", "TMP:2m") == 1
    assert "cannot be reached" in complaint(capsys)
    assert list(output.iterdir()) == []


@pytest.mark.parametrize(
    ("hours", "parameters", "told"),
    [
        ("6-3", "TMP:2m", "the smaller one first"),
        ("0-400", "TMP:2m", "gfs has the hours 0 to 384"),
        ("all", "TMP:2m", "expected such as 6 or 0-48:3"),
        ("3", "TMP", "expected such as TMP:2m"),
    ],
)
def test_wrong_arguments_are_told_before_anything_is_asked(
    noaa: WebServer,
    output: Path,
    hours: str,
    parameters: str,
    told: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert fetch(noaa, output, "--parameters", parameters, hours=hours) == 2

    assert told in complaint(capsys)
    assert noaa.asked == []


def test_files_lie_where_noaa_puts_them() -> None:
    assert FEEDS["gfs"].url(RUN, 12) == (
        "https://noaa-gfs-bdp-pds.s3.amazonaws.com/gfs.20261128/06/atmos/gfs.t06z.pgrb2.0p25.f012"
    )
    assert FEEDS["hrrr"].url(RUN, 7) == (
        "https://noaa-hrrr-bdp-pds.s3.amazonaws.com/hrrr.20261128/conus/hrrr.t06z.wrfsfcf07.grib2"
    )
