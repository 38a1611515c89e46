"""How times, ages and strange text are written."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.cli.text import age, moment, one_line, plain, since

UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


@pytest.mark.parametrize(
    ("span_ms", "said"),
    [
        (None, "-"),
        (0, "0ms"),
        (812, "812ms"),
        (1_000, "1s"),
        (192_000, "3m 12s"),
        (3_600_000, "1h"),
        (7_500_000, "2h 5m"),
        (86_405_000, "1d"),
        (187_200_000, "2d 4h"),
        (-1_500, "-1s"),
    ],
)
def test_ages_are_said_in_their_two_largest_units(span_ms: int | None, said: str) -> None:
    assert age(span_ms) == said


@given(st.integers(0, 10**12))
def test_an_age_is_never_overstated_and_loses_less_than_its_second_unit(span_ms: int) -> None:
    parts = [re.fullmatch(r"(\d+)([a-z]+)", part) for part in age(span_ms).split()]
    sizes = [UNITS_MS[part[2]] for part in parts if part]
    said_ms = sum(int(part[1]) * UNITS_MS[part[2]] for part in parts if part)

    assert 1 <= len(parts) <= 2
    assert said_ms <= span_ms
    assert span_ms - said_ms < {86_400_000: 3_600_000, 3_600_000: 60_000}.get(sizes[0], 1000)


def test_moments_are_in_utc() -> None:
    assert moment(1_795_327_205_999) == "2026-11-22 06:00:05 UTC"
    assert since(1_795_327_205_999, 1_795_327_405_999).endswith("UTC (3m 20s ago)")


def test_a_moment_of_a_faster_clock_is_not_in_the_future() -> None:
    assert since(2_000, 1_000).endswith("(0ms ago)")


@given(st.text())
def test_no_text_can_change_the_terminal(text: str) -> None:
    """Only tabs and line ends are left of the control characters."""
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", plain(text))


def test_what_is_taken_out_can_still_be_seen() -> None:
    assert plain("red \x1b[31m, backwards \u202e") == r"red \x1b[31m, backwards \u202e"


@given(st.text(), st.integers(2, 50))
def test_one_line_is_one_short_line(text: str, chars_max: int) -> None:
    line = one_line(text, chars_max=chars_max)

    assert len(line) <= chars_max
    assert len(line.splitlines()) <= 1


def test_lines_are_joined() -> None:
    assert one_line("first\n\n  second \n") == "first; second"
