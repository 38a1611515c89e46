"""`millstream acl`: the line that gives a Redis user one role."""

from typing import Annotated

import typer

from streams.acl import ROLES, cache_rules, file_line, role_named, rules, set_user

_ROLES_HELP = "; ".join(f"{role.name}: {role.purpose}" for role in ROLES.values())
#: What 6.2 cannot express, said to whoever asks for its form.
_OLD = (
    "without selectors this user can destroy whole streams of its queue: where roles matter, "
    "use Redis 7.0 or newer"
)


def acl(
    role: Annotated[str, typer.Argument(help=f"One of these. {_ROLES_HELP}.")],
    *,
    user: Annotated[str, typer.Option("--user", "-u", help="The name of the Redis user.")],
    password_sha256: Annotated[
        str,
        typer.Option(
            "--password-sha256", help="Its password's hash: printf %s PASSWORD | sha256sum"
        ),
    ],
    queue: Annotated[
        str | None, typer.Option("--queue", "-q", help="Only this queue.  [default: all]")
    ] = None,
    tile_cache: Annotated[
        bool, typer.Option("--tile-cache", help="Also for tiles and results on the same server.")
    ] = False,
    aclfile: Annotated[
        bool, typer.Option("--aclfile", help="A line for the server's ACL file instead.")
    ] = False,
    redis_6: Annotated[
        bool, typer.Option("--redis-6", help="For Redis 6.2, which separates less.")
    ] = False,
) -> None:
    """Print the rights of a role, to be piped into redis-cli; talks to no server."""
    wanted = role_named(role)
    words = rules(wanted, queue=queue, password_sha256=password_sha256, selectors=not redis_6)
    if tile_cache and wanted.caches:
        words += cache_rules(selectors=not redis_6)
    typer.echo(file_line(user, words) if aclfile else set_user(user, words))
    if redis_6 and not wanted.only_reads:
        typer.echo(f"millstream: {_OLD}", err=True)
