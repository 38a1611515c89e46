"""Which ticks are fired when: the policies, in figures."""

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.schedule.due import due, moment, next_moments
from producers.schedule.schedule import Missed, Schedule, schedule_of

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MS = timedelta(milliseconds=1)
NOON = datetime(2026, 5, 5, 12, tzinfo=UTC)


def schedule(cron: str = "* * * * *", **fields: Any) -> Schedule:
    return schedule_of({"name": "s", "cron": cron, "kind": "test.echo", **fields})


def ago(*minutes: int) -> list[datetime]:
    return [NOON - number * MINUTE for number in minutes]


@pytest.mark.parametrize("missed", list(Missed))
def test_a_tick_is_due_when_it_comes_and_not_before(missed: Missed) -> None:
    hourly = schedule("@hourly", missed=missed)

    assert due(hourly, NOON - HOUR, NOON - MS) == []
    assert due(hourly, NOON - HOUR, NOON) == [NOON]
    assert due(hourly, NOON, NOON + 59 * MINUTE) == []


def test_nothing_is_due_in_a_pause() -> None:
    paused = schedule(paused=True, missed=Missed.ALL)

    assert due(paused, NOON - HOUR, NOON) == []
    assert [*next_moments(paused, NOON - HOUR, NOON)] == []


def test_skip_leaves_out_what_is_later_than_its_grace() -> None:
    skip = schedule(missed=Missed.SKIP, grace=2 * MINUTE)

    assert due(skip, NOON - HOUR, NOON) == ago(2, 1, 0)
    assert due(skip, NOON - HOUR, NOON + MS) == ago(1, 0)
    assert due(skip, NOON - MINUTE, NOON) == ago(0)


def test_skip_lets_a_tick_that_is_late_by_no_more_than_its_grace_come() -> None:
    daily = schedule("0 12 * * *", missed=Missed.SKIP, grace=MINUTE)

    assert due(daily, NOON - DAY, NOON + MINUTE) == [NOON]
    assert due(daily, NOON - DAY, NOON + MINUTE + MS) == []


def test_last_makes_up_for_the_latest_one_alone() -> None:
    last = schedule("*/10 * * * *", missed=Missed.LAST)

    assert due(last, NOON - 400 * DAY, NOON + 9 * MINUTE) == [NOON]
    assert due(last, NOON, NOON + 9 * MINUTE) == []


def test_all_makes_up_for_each_in_its_order() -> None:
    every = schedule("*/20 * * * *", missed=Missed.ALL)

    assert due(every, NOON - HOUR, NOON) == ago(40, 20, 0)


@pytest.mark.parametrize("missed", [Missed.ALL, Missed.SKIP])
def test_no_more_is_made_up_for_than_the_cap_and_the_latest_ones_are(missed: Missed) -> None:
    capped = schedule(missed=missed, missed_max=3, grace=HOUR)

    assert due(capped, NOON - 400 * DAY, NOON) == ago(2, 1, 0)


def test_the_latest_are_found_where_ticks_are_crowded_in_the_past() -> None:
    """Every minute of one January, which lies half a year back."""
    crowded = schedule("* * * 1 *", missed=Missed.ALL, missed_max=1000)

    found = due(crowded, datetime(2024, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC))

    assert len(found) == 1000
    assert found[-1] == datetime(2026, 1, 31, 23, 59, tzinfo=UTC)
    assert {later - earlier for earlier, later in pairwise(found)} == {MINUTE}


def test_a_jitter_is_always_the_same_and_differs_from_tick_to_tick_and_name_to_name() -> None:
    spread = schedule(jitter=HOUR)
    other = spread.model_copy(update={"name": "t"})
    ticks = [NOON + number * MINUTE for number in range(200)]

    shifts = [moment(spread, tick) - tick for tick in ticks]

    assert shifts == [moment(spread, tick) - tick for tick in ticks]
    assert len(set(shifts)) > 190
    assert shifts != [moment(other, tick) - tick for tick in ticks]
    assert min(shifts) < 5 * MINUTE
    assert max(shifts) > 55 * MINUTE


@given(jitter=st.timedeltas(timedelta(0), HOUR), minutes=st.integers(0, 10**6))
def test_a_jitter_keeps_to_its_bound_and_to_whole_milliseconds(
    jitter: timedelta, minutes: int
) -> None:
    tick = NOON + minutes * MINUTE

    shift = moment(schedule(jitter=jitter), tick) - tick

    assert timedelta(0) <= shift <= jitter
    assert shift % MS == timedelta(0)


def test_a_tick_with_jitter_is_due_at_its_moment() -> None:
    daily = schedule("0 12 * * *", jitter=HOUR)
    comes = moment(daily, NOON)
    assert comes > NOON

    assert due(daily, NOON - DAY, comes - MS) == []
    assert due(daily, NOON - DAY, comes) == [NOON]
    assert next(next_moments(daily, NOON - DAY, comes - MS)) == comes
    assert next(next_moments(daily, NOON, comes)) == moment(daily, NOON + DAY)


def test_ticks_keep_their_order_whatever_their_jitter() -> None:
    """One that would come before its predecessor waits for it."""
    spread = schedule(jitter=HOUR, missed=Missed.ALL)
    first, second = next(
        (one, other)
        for one, other in pairwise(NOON + number * MINUTE for number in range(100))
        if moment(spread, one) > moment(spread, other)
    )

    assert due(spread, first - MINUTE, moment(spread, first) - MS) == []
    assert due(spread, first - MINUTE, moment(spread, first))[:2] == [first, second]


@settings(deadline=None, max_examples=50)
@given(
    cron=st.sampled_from(["* * * * *", "*/7 * * * *", "0 3 * * *", "0 0 1 * *"]),
    jitter=st.sampled_from([timedelta(0), MINUTE, HOUR]),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]),
    looks=st.lists(st.timedeltas(MS, 2 * DAY), min_size=1, max_size=12),
)
def test_however_often_one_looks_each_tick_is_due_once(
    cron: str, jitter: timedelta, zone: str, looks: list[timedelta]
) -> None:
    """Together they are what one look at the end would have found, jitter or not."""
    every = schedule(cron, zone=zone, jitter=jitter, missed=Missed.ALL, missed_max=1000)
    start = datetime(2025, 10, 25, tzinfo=UTC)
    now, last, found = start, start, list[datetime]()
    for step in looks:
        before, now = now, min(now + step, start + 14 * HOUR if cron[0] == "*" else now + step)
        if cron[0] == "*" and now == before:
            break
        ticks = due(every, last, now)
        found += ticks
        last = ticks[-1] if ticks else last
        upcoming = next(next_moments(every, last, now))
        assert upcoming > now
        assert due(every, last, upcoming - MS) == []

    assert found == due(every, start, now)


def test_what_comes_next_is_seen_from_now() -> None:
    hourly = schedule("@hourly")

    upcoming = islice(next_moments(hourly, NOON - 100 * DAY, NOON), 2)

    assert [*upcoming] == [NOON + HOUR, NOON + 2 * HOUR]
