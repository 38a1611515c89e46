"""How far a long command is, on standard error: the answer on standard output stays clean."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from producers.cli.output import new_console

#: Is told how many are done.
Listener = Callable[[int], None]


@contextmanager
def shown_progress(what: str, total: int) -> Generator[Listener]:
    """A listener, until the block ends; its news are a bar on a terminal, nothing elsewhere."""
    console = new_console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.update(task, completed=done)
