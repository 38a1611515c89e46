"""Options that several commands share."""

from typing import Annotated

import typer

#: Where the server is, if nobody says so.
DEFAULT_URL = "redis://127.0.0.1:6379"

RedisUrl = Annotated[
    str,
    typer.Option("--redis-url", envvar="REDIS_URL", help="The Redis that holds the jobs."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON instead of text.")]
QueueName = Annotated[
    str | None, typer.Option("--queue", "-q", help="Only this queue.  [default: all]")
]
