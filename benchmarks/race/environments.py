"""An environment for each peer, made at its first race and kept below `.benchmarks/`."""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.race.contestants import Contestant

PROJECT = Path(__file__).parents[2]
CACHE = PROJECT / ".benchmarks"
INSTALL_S = 600


class LeftOutError(Exception):
    """Raised where a contestant cannot take part; says why."""


def prepare(contestant: Contestant, cache: Path = CACHE) -> tuple[list[str], Path]:
    """The command that takes `worker` or `produce`, and the folder to run it in.

    Raises:
        LeftOutError: it says so itself, or cannot be installed.
    """
    if contestant.left_out:
        raise LeftOutError(contestant.left_out)
    module = f"benchmarks.race.{contestant.module}"
    folder = cache / (contestant.environment or contestant.key)
    if contestant.npm:
        node = shutil.which("node")
        if not node or not shutil.which("npm"):
            raise LeftOutError("node and npm are not there")
        _install(folder, contestant.npm, ["npm", "install", "--silent", "--prefix", str(folder)])
        return [node, str(contestant.script)], folder
    if not contestant.requirements:
        return [sys.executable, "-m", module], PROJECT
    python = folder / "bin" / "python"
    _install(folder, contestant.requirements, _pip(python))
    return [str(python), "-m", module], PROJECT


def python_with(packages: Sequence[str], name: str, cache: Path = CACHE) -> Path:
    """The interpreter of the environment *name*, which has *packages* and nothing of ours.

    Raises:
        LeftOutError: they cannot be installed.
    """
    folder = cache / name
    python = folder / "bin" / "python"
    _install(folder, packages, _pip(python))
    return python


def _pip(python: Path) -> list[str]:
    if shutil.which("uv"):
        return ["uv", "pip", "install", "--quiet", "--python", str(python)]
    return [str(python), "-m", "pip", "install", "--quiet"]


def _install(folder: Path, packages: Sequence[str], command: Sequence[str]) -> None:
    """Install *packages* into an empty *folder*, if the very same are not there already."""
    stamp = folder / "race.json"
    wanted = json.dumps({"python": sys.version, "packages": packages})
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print(f"installing {', '.join(packages)} ...", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    if command[0] == "npm":
        folder.mkdir(parents=True)
        (folder / "package.json").write_text("{}")
    elif command[0] == "uv":
        _run(["uv", "venv", "--quiet", "--python", sys.executable, str(folder)])
    else:
        _run([sys.executable, "-m", "venv", str(folder)])
    _run([*command, *packages])
    stamp.write_text(wanted)


def _run(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=INSTALL_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LeftOutError(f"cannot be installed: {error}") from error
    if done.returncode:
        last = [line for line in done.stderr.splitlines() if line.strip()][-1:]
        raise LeftOutError(f"cannot be installed: {''.join(last) or done.returncode}")
