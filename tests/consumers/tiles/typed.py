"""Commands of `millstream tiles`, as people type them."""

from pathlib import Path

import pytest
import typer

from consumers.handlers.tiles.commands import app
from producers.cli.boundary import run


def millstream(*arguments: str | Path) -> int:
    """The exit status of the command."""
    root = typer.Typer()
    root.add_typer(app, name="tiles")
    return run(root, ["tiles", *map(str, arguments)])


def complaint(capsys: pytest.CaptureFixture[str]) -> str:
    """What went to stderr: exactly one line."""
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("millstream: ")
    assert err.count("\n") == 1
    return err
