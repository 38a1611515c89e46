"""Ticks of cron expressions, above all where clocks change."""

from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from producers.errors import ScheduleError
from producers.schedule.cron import ALIASES, Cron, tick_id

ZONES = sorted(
    name for name in available_timezones() if "/" in name and not name.startswith(("posix", "righ"))
)
HOUR, DAY, MINUTE = timedelta(hours=1), timedelta(days=1), timedelta(minutes=1)


def changes(zone: str, year: int) -> list[date]:
    """The days of *year* on which the clocks of *zone* change."""
    noon = [datetime(year, 1, 1, 12, tzinfo=UTC) + DAY * n for n in range(366)]
    offsets = [(each, each.astimezone(ZoneInfo(zone)).utcoffset()) for each in noon]
    return [day.date() for (_, before), (day, after) in pairwise(offsets) if before != after]


@st.composite
def windows(draw: st.DrawFn) -> tuple[str, datetime, datetime]:
    """A zone and three days around a change of its clocks, or any days where there is none."""
    zone, year = draw(st.sampled_from(ZONES)), draw(st.integers(2020, 2035))
    days = changes(zone, year) or [date(year, 2, 28)]
    day = draw(st.sampled_from(days))
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) - DAY
    return zone, start, start + 3 * DAY


def minutes(start: datetime, until: datetime, zone: str) -> dict[datetime, datetime]:
    """Each minute of the window in UTC, and what the clock on the wall shows."""
    found, moment, local = {}, start, ZoneInfo(zone)
    while moment <= until:
        found[moment] = moment.astimezone(local).replace(tzinfo=None)
        moment += MINUTE
    return found


@settings(deadline=None, max_examples=60)
@given(windows(), st.integers(0, 23), st.sets(st.integers(0, 59), min_size=1, max_size=3))
def test_a_fixed_time_comes_once_a_day_whatever_the_clocks_do(
    window: tuple[str, datetime, datetime], hour: int, past: set[int]
) -> None:
    """In a fold at its first showing, in a gap at the first moment after it."""
    zone, start, until = window
    wall = minutes(start - DAY, until + DAY, zone)
    first_shown: dict[datetime, datetime] = {}
    for moment, shown in wall.items():
        first_shown.setdefault(shown, moment)
    expected: set[datetime] = set()
    for day in range(5):
        for minute in past:
            midnight = start.replace(tzinfo=None) + DAY * (day - 1)
            wanted = midnight.replace(hour=hour, minute=minute)
            later = [each for shown, each in first_shown.items() if shown >= wanted]
            expected.add(first_shown.get(wanted) or min(later, default=start))

    ticks = Cron(f"{','.join(map(str, sorted(past)))} {hour} * * *", zone).between(
        start, until, limit=1000
    )

    assert ticks == sorted(each for each in expected if start < each <= until)


@settings(deadline=None, max_examples=40)
@given(windows(), st.sampled_from([1, 5, 10, 15, 20, 30]))
def test_a_step_of_minutes_follows_real_time(
    window: tuple[str, datetime, datetime], step: int
) -> None:
    zone, start, until = window
    shown = minutes(start, until, zone)
    assume(len(shown) > 1)

    ticks = Cron(f"*/{step} * * * *", zone).between(start, until, limit=10_000)

    assert ticks == [
        each for each, local in shown.items() if local.minute % step == 0 and each > start
    ]


def test_the_29th_of_february_comes_in_leap_years_only() -> None:
    ticks = islice(Cron("0 12 29 2 *").after(datetime(2023, 1, 1, tzinfo=UTC)), 3)

    assert [each.year for each in ticks] == [2024, 2028, 2032]


def test_two_times_that_fall_into_one_gap_are_one_tick() -> None:
    ticks = Cron("15,45 2 * * *", "Europe/Berlin").between(
        datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 3, 29, 12, tzinfo=UTC), limit=10
    )

    assert ticks == [datetime(2026, 3, 29, 1, tzinfo=UTC)]


def test_starting_in_the_second_showing_of_an_hour_does_not_go_back_in_time() -> None:
    second_showing = datetime(2026, 10, 25, 1, 20, tzinfo=UTC)

    tick = next(Cron("30 2 * * *", "Europe/Berlin").after(second_showing))

    assert tick == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize("alias", sorted(ALIASES))
def test_an_alias_is_its_five_fields(alias: str) -> None:
    start = datetime(2026, 5, 5, tzinfo=UTC)

    ticks = [*islice(Cron(alias.upper()).after(start), 5)]

    assert ticks == [*islice(Cron(ALIASES[alias]).after(start), 5)]


@pytest.mark.parametrize(
    ("expression", "zone", "said"),
    [
        ("* * * *", "UTC", "five fields"),
        ("0 0 * * * *", "UTC", "five fields"),
        ("@often", "UTC", "@hourly"),
        ("61 * * * *", "UTC", "cannot be read"),
        ("0 0 31 2 *", "UTC", "cannot be read|never comes"),
        ("0 0 * * *", "Mars/Olympus", "IANA name"),
        ("0 0 * * *", "../etc/passwd", "IANA name"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_remedy(
    expression: str, zone: str, said: str
) -> None:
    with pytest.raises(ScheduleError, match=said):
        Cron(expression, zone)


def test_a_tick_has_one_id_in_every_zone() -> None:
    tick = datetime(2026, 7, 1, 10, tzinfo=UTC)

    assert tick_id("daily", tick) == tick_id("daily", tick.astimezone(ZoneInfo("Asia/Tokyo")))
    assert tick_id("daily", tick) == "cron:daily:20260701T1000Z"


def test_no_more_ticks_come_than_were_asked_for() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)

    assert len(Cron("* * * * *").between(start, start + 30 * DAY, limit=7)) == 7
