"""Tables and JSON on standard output."""

import sys
from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from producers.cli.text import one_line, plain

#: Columns of a table that is not shown on a terminal: nothing is cut for `grep`.
PIPED_WIDTH = 240


def new_console(*, stderr: bool = False) -> Console:
    """A console that takes text as it is: no markup, no emoji, no guessed highlights."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(
        file=stream,
        width=None if stream.isatty() else PIPED_WIDTH,
        markup=False,
        emoji=False,
        highlight=False,
        soft_wrap=False,
    )


def new_table(title: str, columns: Sequence[str], *, numbers: Iterable[str] = ()) -> Table:
    """An empty table; the columns named in *numbers* are aligned to the right."""
    # A title is wider than a narrow table, and shall not be broken for that.
    heading = Text(title, "bold", no_wrap=True, overflow="ignore")
    table = Table(title=heading, title_justify="left", title_style="", box=box.SIMPLE_HEAD)
    right = set(numbers)
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left", no_wrap=name in right)
    return table


def cell(text: str, style: str = "", *, chars_max: int | None = None) -> Text:
    """One line of a table; safe for text of unknown origin."""
    return Text(one_line(text, chars_max=chars_max), style=style)


def indented(text: str) -> Text:
    """Several lines, two columns to the right; safe for text of unknown origin."""
    return Text("\n".join(f"  {line}" for line in plain(text).rstrip().splitlines()))


def write_json(packed: bytes) -> None:
    """*packed* and a line end on standard output."""
    sys.stdout.write(packed.decode() + "\n")
    sys.stdout.flush()
