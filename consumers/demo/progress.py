"""What the demo says while it works: a live bar on a terminal, plain lines elsewhere."""

from collections.abc import Generator
from contextlib import contextmanager
from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from consumers.demo.warming import Progress as Listener

#: Between two plain lines.
LINE_EVERY_S = 1.0


@contextmanager
def shown_progress(console: Console, what: str) -> Generator[Listener]:
    """A listener whose news are shown on *console* until the block ends."""
    if console.is_terminal:
        with _bar(console, what) as listener:
            yield listener
    else:
        yield _Lines(console, what)


@contextmanager
def _bar(console: Console, what: str) -> Generator[Listener]:
    columns = (
        TextColumn("  {task.description}"),
        BarColumn(bar_width=44),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:.0f} tiles/s"),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(what, total=None, rate=0.0)

        def listener(done: int, total: int, rate: float) -> None:
            progress.update(task, completed=done, total=total, rate=rate)

        yield listener


class _Lines:
    """A line a second, and one at the end."""

    def __init__(self, console: Console, what: str) -> None:
        self._console = console
        self._what = what
        self._said_s = monotonic()
        self._ended = False

    def __call__(self, done: int, total: int, rate: float) -> None:
        now_s = monotonic()
        ends = done == total and not self._ended
        if ends or (done < total and now_s - self._said_s >= LINE_EVERY_S):
            self._said_s, self._ended = now_s, ends
            self._console.print(f"  {self._what}: {done} of {total} tiles, {rate:.0f} tiles/s")
