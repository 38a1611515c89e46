"""Command groups that are installed beside this package.

A distribution names them under the entry point group `millstream.commands`; each is a
`typer.Typer`. They are imported when they are used, so that `millstream queues` does not
wait for the packages of the tile renderer.
"""

from importlib.metadata import EntryPoint, entry_points
from typing import Any

import typer
from rich.markup import escape
from typer.core import TyperGroup
from typer.main import get_command

from producers.cli.boundary import CommandError

GROUP = "millstream.commands"

#: A package of ours that cannot be imported is a defect, and its traceback is wanted.
_OURS = frozenset({"streams", "producers", "consumers"})


class CommandGroups(TyperGroup):
    """The root command: its own commands, then those of the entry points."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of all commands, without loading any."""
        own = super().list_commands(ctx)
        return [*own, *sorted(name for name in _installed() if name not in own)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command *cmd_name*, loaded now, or None."""
        own = super().get_command(ctx, cmd_name)
        found = None if own else _installed().get(cmd_name)
        if found is None:
            return own
        command = get_command(load_group(found))
        command.name = cmd_name
        return command


def load_group(entry_point: EntryPoint) -> typer.Typer:
    """The group behind *entry_point*; where its packages are missing, one that says so."""
    try:
        loaded = entry_point.load()
    except ModuleNotFoundError as missing:
        package = (missing.name or "").partition(".")[0]
        if package in _OURS:
            raise
        return _missing(entry_point, package)
    if not isinstance(loaded, typer.Typer):
        raise CommandError(
            f"the entry point '{entry_point.name}' = {entry_point.value} is no typer.Typer: "
            f"mend it in the distribution that declares it under {GROUP}"
        )
    return loaded


def _installed() -> dict[str, EntryPoint]:
    return {found.name: found for found in entry_points(group=GROUP)}


def _missing(entry_point: EntryPoint, package: str) -> typer.Typer:
    distribution = entry_point.dist.name if entry_point.dist else "millstream"
    fix = f'pip install "{distribution}[{entry_point.name}]"'
    app = typer.Typer(add_completion=False)

    @app.command(
        help=f"Not installed: {escape(fix)}",
        add_help_option=False,
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )
    def say() -> None:
        raise CommandError(f"the command '{entry_point.name}' needs the package '{package}': {fix}")

    return app
