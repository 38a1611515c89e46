from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consumers.handlers.tiles.dataerrors import GribError
from consumers.handlers.tiles.gribscan import GribScan, scan

#: As little as a whole message is to the scan: indicator, length, something, and the end.
WHOLE = b"GRIB\0\0\0\2" + (64).to_bytes(8) + bytes(range(44)) + b"7777"


def write(path: Path, parts: list[bytes]) -> Path:
    path.write_bytes(b"".join(parts))
    return path


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 3 * len(WHOLE) - 1))
def test_a_file_cut_anywhere_but_between_messages_is_not_whole(tmp_path: Path, length: int) -> None:
    path = tmp_path / "f"
    path.write_bytes((WHOLE * 3)[:length])
    complete, rest = divmod(length, len(WHOLE))

    if not rest:
        assert scan(path) == GribScan(complete, 0)
    elif rest < 4 and complete:
        # Less than the start of a message cannot be told from padding.
        assert scan(path).messages == complete
    else:
        with pytest.raises(GribError) as caught:
            scan(path)
        noun = "message is" if complete == 1 else "messages are"
        assert rest < 4 or f"not whole: {complete} {noun} complete" in str(caught.value)


def test_bulletin_headers_between_messages_are_passed_over(tmp_path: Path) -> None:
    header = b"\r\r\n001\r\r\nHHXA85 KWBC 220600\r\r\n"

    found = scan(write(tmp_path / "f", [header, WHOLE, header, WHOLE, b"\r\r\n\x03"]))

    assert found == GribScan(2, 0)


def test_the_rest_of_a_lost_message_is_passed_over_and_counted(tmp_path: Path) -> None:
    found = scan(write(tmp_path / "f", [WHOLE, bytes(5000), WHOLE, bytes(700)]))

    assert found == GribScan(2, 5700)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "is empty"),
        (b"{}", "is no GRIB file"),
        (b"GRIB is a format" * 10, "is no GRIB file"),
        (WHOLE[:-4] + b"8888", "does not end where it says"),
        (WHOLE[:8] + bytes(8) + WHOLE[16:], "claims to have 0 bytes"),
        (b"GRIB\x80\x00\x00\x01" + bytes(100), "convert it"),
    ],
)
def test_what_is_no_whole_grib_file_is_told(tmp_path: Path, data: bytes, problem: str) -> None:
    with pytest.raises(GribError, match=problem):
        scan(write(tmp_path / "f", [data]))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(GribError, match="No such file"):
        scan(tmp_path / "none")
