"""Where errors leave the program: as one line and an exit status.

| status | meaning |
| --- | --- |
| 0 | done |
| 1 | it could not be done; the line says why and what to do next |
| 2 | the arguments are wrong |
| 130 | interrupted with Ctrl-C |

What is none of these is a defect, and ends with Python's own traceback.
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager

import typer
from redis.exceptions import RedisError

from producers.cli.text import one_line
from producers.errors import ProducerError
from streams.errors import StreamsError

INTERRUPTED = 130


class CommandError(ProducerError):
    """Raised by a command when it cannot do what it was asked for; says what to do next."""


@contextmanager
def advising(so_far: str, next_step: str) -> Generator[None]:
    """Tell *so_far* and *next_step* with what goes wrong between here and Redis in the block.

    Raises:
        CommandError: something did.
    """
    try:
        yield
    except (StreamsError, RedisError) as error:
        cause = one_line(str(error), chars_max=200)
        raise CommandError(f"{so_far}: {cause}; {next_step}") from error


def run(app: typer.Typer, arguments: Sequence[str]) -> int:
    """Run *app* and return the exit status; an error becomes one line on stderr."""
    try:
        status = app(list(arguments), standalone_mode=False, prog_name="millstream")
    except typer.TyperException as error:
        return _complain(f"{error.format_message()} {_help_of(error)}", error.exit_code)
    except typer.Abort:
        return _complain("nothing was changed", 1)
    except (StreamsError, ProducerError) as error:
        return _complain(str(error), 1)
    except RedisError as error:
        return _complain(f"Redis did not do it ({error}): see its log, and check REDIS_URL", 1)
    return status if isinstance(status, int) else 0


def _complain(message: str, status: int) -> int:
    typer.echo(f"millstream: {one_line(message)}", err=True)
    return status


def _help_of(error: typer.TyperException) -> str:
    path = getattr(getattr(error, "ctx", None), "command_path", "millstream")
    return f"(see {path} --help)"
