"""Spans, moments and rates as people type them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.cli.boundary import CommandError
from producers.cli.times import moment_ms, rate_per_s, span_ms

NOW_MS = 1_795_000_000_000


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("90s", 90_000),
        ("15m", 900_000),
        ("2h", 7_200_000),
        ("1d 12h", 129_600_000),
        ("1d12h", 129_600_000),
        ("2W", 1_209_600_000),
        ("500ms", 500),
        (" 1m ", 60_000),
    ],
)
def test_a_span(text: str, ms: int) -> None:
    assert span_ms(text) == ms
    assert moment_ms(text, NOW_MS) == NOW_MS - ms


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1970-01-02", 86_400_000),
        ("1970-01-01T00:01", 60_000),
        ("1970-01-01 00:00:05 UTC", 5_000),
        ("1970-01-01T01:00+01:00", 0),
        ("1970-01-01T00:00:00.250Z", 250),
    ],
)
def test_a_moment_is_in_utc_unless_it_says_otherwise(text: str, ms: int) -> None:
    assert moment_ms(text, NOW_MS) == ms


@pytest.mark.parametrize("text", ["", "soon", "5", "2h30", "-1h", "1h x", "2026-13-01"])
def test_what_is_no_time_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(CommandError, match="is written like"):
        span_ms(text)
    with pytest.raises(CommandError, match="2026-11-22"):
        moment_ms(text, NOW_MS)


@pytest.mark.parametrize(
    ("text", "per_s"), [("50/s", 50), ("600/m", 10), ("3600/h", 1), ("0.5", 0.5), ("7 / S", 7)]
)
def test_a_rate(text: str, per_s: float) -> None:
    assert rate_per_s(text) == per_s


@pytest.mark.parametrize("text", ["", "0/s", "-5/s", "fast", "5/d", "1e3", "inf"])
def test_what_is_no_rate_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(CommandError, match="50/s"):
        rate_per_s(text)


@given(text=st.text())
def test_nothing_else_than_a_refusal_comes_of_any_text(text: str) -> None:
    for read in (span_ms, rate_per_s, lambda each: moment_ms(each, NOW_MS)):
        try:
            read(text)
        except CommandError as error:
            assert "is written like" in str(error)  # noqa: PT017 - it may also be a time
