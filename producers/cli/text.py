"""How times, ages and text of unknown origin are written."""

import re
from datetime import UTC, datetime

_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))

#: Everything that moves a terminal's cursor or changes its state, and the marks that
#: reverse the order of what is shown.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def age(span_ms: int | None) -> str:
    """A span as people say it, in its two largest units: `3m 12s`, `2d 4h`, `812ms`.

    Rounded down. `-` where there is none.
    """
    if span_ms is None:
        return "-"
    if span_ms < 0:
        return f"-{age(-span_ms)}"
    if span_ms < 1000:  # noqa: PLR2004 - a second
        return f"{span_ms}ms"
    rest = span_ms // 1000
    parts: list[str] = []
    for name, size in _UNITS:
        count, rest = divmod(rest, size)
        # The second unit follows its neighbour only: "1d 5s" would claim a wrong precision.
        if parts or count:
            parts.append(f"{count}{name}" if count else "")
    return " ".join(part for part in parts[:2] if part)


def moment(unix_ms: int) -> str:
    """A moment in UTC, to the second: `2026-11-22 06:00:05 UTC`."""
    return datetime.fromtimestamp(unix_ms / 1000, tz=UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


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
