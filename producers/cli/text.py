"""How times, ages and text of unknown origin are written."""

import re

from streams.spans import age, counted, moment

__all__ = ["age", "counted", "moment", "one_line", "plain", "since"]

#: Everything that moves a terminal's cursor or changes its state, and the marks that
#: reverse the order of what is shown.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def since(unix_ms: int, now_ms: int) -> str:
    """A moment and how long ago it was."""
    return f"{moment(unix_ms)} ({age(max(0, now_ms - unix_ms))} ago)"


def plain(text: str) -> str:
    r"""*text* without the power to change the terminal: control characters as `\x1b`.

    Job ids, messages and payloads come from anybody who may write to Redis.
    """
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


def one_line(text: str, *, chars_max: int | None = None) -> str:
    """*text* as `plain`, on one line, cut to *chars_max* characters."""
    line = plain("; ".join(part.strip() for part in text.splitlines() if part.strip()))
    if chars_max is not None and len(line) > chars_max:
        return f"{line[: chars_max - 1]}…"
    return line
