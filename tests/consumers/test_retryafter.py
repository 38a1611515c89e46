"""The header `Retry-After`, as services write it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.errors import RETRY_AFTER_MAX, retry_after

NOW = datetime(2026, 11, 22, 6, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        (" 0 ", 0),
        ("Sun, 22 Nov 2026 06:01:00 GMT", 60),
        ("Sun, 22 Nov 2026 07:01:00 +0100", 60),
        ("Sunday, 22-Nov-26 06:01:00 GMT", 60),
        ("Sun Nov 22 06:01:00 2026", 60),
        ("Sun, 22 Nov 2026 05:00:00 GMT", 0),
    ],
)
def test_seconds_and_dates_are_understood(header: str, seconds: int) -> None:
    assert retry_after(header, NOW) == timedelta(seconds=seconds)


@pytest.mark.parametrize("header", [None, "", "soon", "-5", "1.5", "٣", "22 Nov", "99 Nov 2026"])
def test_what_is_neither_says_nothing(header: str | None) -> None:
    assert retry_after(header, NOW) is None


@pytest.mark.parametrize("header", ["9" * 5000, "Sun, 22 Nov 9999 06:01:00 GMT", "31622401"])
def test_nobody_waits_for_ever(header: str) -> None:
    assert retry_after(header, NOW) == RETRY_AFTER_MAX


def test_the_clock_is_asked_where_none_is_given() -> None:
    assert retry_after("Fri, 01 Jan 1999 00:00:00 GMT") == timedelta(0)


_PARTS = st.sampled_from(
    ["Sun,", "22", "Nov", "2026", "06:01:00", "GMT", "+9999", "-2359", "0001", "9999", "Jan", "1"]
)


@given(st.one_of(st.text(), st.lists(_PARTS).map(" ".join)))
def test_any_header_is_a_wait_or_none(header: str) -> None:
    wait = retry_after(header, NOW)

    assert wait is None or timedelta(0) <= wait <= RETRY_AFTER_MAX
