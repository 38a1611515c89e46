"""Spans, moments and rates as people type them."""

import re
from datetime import UTC, datetime

from producers.cli.boundary import CommandError

_UNIT_MS = {
    "ms": 1,
    "s": 1_000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 7 * 86_400_000,
}
_SPAN = re.compile(r"(?:\d{1,9}(?:ms|[smhdw]) ?)+")
_PART = re.compile(r"(\d+)(ms|[smhdw])")
_RATE = re.compile(r"(\d{1,6}(?:\.\d{1,6})?) ?(?:/ ?(s|m|h))?")
_PER_S = {"s": 1.0, "m": 60.0, "h": 3600.0}


def span_ms(text: str) -> int:
    """`90s`, `15m`, `2h`, `1d 12h` in milliseconds.

    Raises:
        CommandError: *text* is no span.
    """
    if not _SPAN.fullmatch(text.strip().lower()):
        raise CommandError(f"a span of time is written like 90s, 15m, 2h or 7d, got {text!r:.40}")
    return sum(int(count) * _UNIT_MS[unit] for count, unit in _PART.findall(text.lower()))


def moment_ms(text: str, now_ms: int) -> int:
    """A moment in Unix milliseconds: a span before *now_ms* (`2h`), or a date and time.

    A date without a zone is in UTC, as all times that are shown.

    Raises:
        CommandError: *text* is neither.
    """
    if _SPAN.fullmatch(text.strip().lower()):
        return now_ms - span_ms(text)
    try:
        found = datetime.fromisoformat(text.strip().removesuffix(" UTC"))
    except ValueError:
        raise CommandError(
            f"a moment is written like 2h (ago), 2026-11-22 or 2026-11-22T06:00, got {text!r:.40}"
        ) from None
    return round((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000)


def rate_per_s(text: str) -> float:
    """`50/s`, `600/m` or `1000/h` as a number a second; a bare number is a second's.

    Raises:
        CommandError: *text* is no rate, or none that ever does anything.
    """
    found = _RATE.fullmatch(text.strip().lower())
    if found is None or float(found[1]) <= 0:
        raise CommandError(f"a rate is written like 50/s, 600/m or 1000/h, got {text!r:.40}")
    return float(found[1]) / _PER_S[found[2] or "s"]
