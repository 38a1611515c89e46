"""The demo as a program, in folders of its own."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.processes import Processes, RunningProgram

_MAIN = """
import sys
from consumers.demo.command import app
from producers.cli.boundary import run
sys.exit(run(app, sys.argv[1:]))
"""

#: Making a forecast, starting three programs and drawing 341 tiles, on a busy machine.
DEMO_TIMEOUT_S = 110.0

StartDemo = Callable[..., RunningProgram]


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """Where the demo puts what it takes away again."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


@pytest.fixture
def start_demo(processes: Processes, tmp_path: Path, temporary: Path) -> StartDemo:
    """Starts `millstream demo ARGUMENTS`, on the server at *redis_url* or on its own."""

    def start(*arguments: str | Path, redis_url: str = "") -> RunningProgram:
        environment = {"REDIS_URL": redis_url, "TMPDIR": str(temporary)}
        command = ("python", "-c", _MAIN, "--out", tmp_path / "out", *arguments)
        return processes.start(*command, environment=environment)

    return start
