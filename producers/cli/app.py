"""What the `millstream` command consists of."""

import typer

from producers.cli import dead, jobs, queues, schedules
from producers.cli.acl import acl
from producers.cli.audit import audit_
from producers.cli.doctor import doctor
from producers.cli.groups import CommandGroups
from producers.cli.scheduler import scheduler
from producers.cli.schema import schema
from producers.cli.why import why


def new_app() -> typer.Typer:
    """The command with its own groups and those that are installed beside it."""
    app = typer.Typer(
        cls=CommandGroups,
        help="Jobs on Redis Streams: ask for work, see what happens to it, mend what failed.",
        invoke_without_command=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(_help_without_command)
    app.command()(why)
    app.command()(doctor)
    app.command("audit")(audit_)
    app.command()(acl)
    app.command()(schema)
    app.command()(scheduler)
    app.add_typer(queues.app, name="queues")
    app.add_typer(schedules.app, name="schedules")
    app.add_typer(jobs.app, name="jobs")
    app.add_typer(dead.app, name="dead")
    return app


def _help_without_command(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
