"""The run of a field and how far ahead of it the field lies, from its coordinates of time."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np

from consumers.handlers.tiles.dataerrors import CfError

_UNITS: Final[Mapping[str, timedelta]] = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), timedelta(seconds=1)),
    **dict.fromkeys(("min", "minute", "minutes"), timedelta(minutes=1)),
    **dict.fromkeys(("h", "hr", "hour", "hours"), timedelta(hours=1)),
    **dict.fromkeys(("d", "day", "days"), timedelta(days=1)),
}


def run_and_forecast(
    valid: datetime | None, run: datetime | None, ahead: timedelta | None
) -> tuple[datetime, timedelta]:
    """From any two of the three; a valid time alone is that of an analysis.

    Raises:
        CfError: neither a run nor a valid time is known, or the three contradict each other.
    """
    if run is None:
        if valid is None:
            raise CfError(
                "it has no time: expected a coordinate with the standard name 'time' or "
                "'forecast_reference_time'"
            )
        ahead = ahead or timedelta(0)
        return valid - ahead, ahead
    if ahead is None:
        ahead = timedelta(0) if valid is None else valid - run
    elif valid is not None and run + ahead != valid:
        raise CfError(f"its run {run}, forecast {ahead} and valid time {valid} do not agree")
    return run, ahead


def moment_of(name: str, value: Any) -> datetime:
    """The moment that xarray read as *value*, to the second.

    Raises:
        CfError: it is missing, or was not understood.
    """
    if not isinstance(value, np.datetime64) or np.isnat(value):
        raise CfError(
            f"its coordinate '{name}' is {value!r}: expected a time of the usual calendar, in "
            "units such as 'hours since 2026-11-22 06:00'"
        )
    return datetime.fromtimestamp(int(value.astype("datetime64[s]").astype(np.int64)), tz=UTC)


def span_of(name: str, value: Any, units: str) -> timedelta:
    """How far ahead *value* is, in *units*.

    Raises:
        CfError: it is missing, or its units are unknown.
    """
    if units not in _UNITS or not np.isfinite(value):
        raise CfError(
            f"its coordinate '{name}' is {value} '{units}': expected a number of s, minutes, "
            "hours or days"
        )
    return timedelta(seconds=round(float(value) * _UNITS[units].total_seconds()))
