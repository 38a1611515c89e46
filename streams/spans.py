"""How spans and moments are written for people."""

from datetime import UTC, datetime

#: A job may be due later than calendars go.
_CALENDAR_END_MS = 253_402_300_799_999
_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


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


def counted(count: int, what: str) -> str:
    """*count* and its noun: `1 job`, `2 jobs`."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def moment(unix_ms: int) -> str:
    """A moment in UTC, to the second: `2026-11-22 06:00:05 UTC`."""
    if unix_ms > _CALENDAR_END_MS:
        return "after the year 9999"
    return datetime.fromtimestamp(unix_ms / 1000, tz=UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
