"""Forecasts that become the present."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis

from producers.client import Producer
from producers.errors import ScheduleError, TooManyTilesError
from producers.payloads.tiles import RenderTile
from producers.tilearea import Area
from producers.warming.pyramid import Pyramid
from producers.warming.scheduled import LEAD, schedule_layer, upcoming
from producers.warming.tilejob import tile_job
from streams.delayed import promote_due
from streams.inspection import inspect_queue
from streams.keys import Keys
from streams.priority import Priority
from streams.server import Server
from streams.settle import Retention

NOW = datetime(2026, 11, 22, 7, tzinfo=UTC)
RUN = [NOW.replace(hour=6) + timedelta(hours=3 * n) for n in range(8)]
KEYS = Keys("tiles")
EUROPE = Pyramid(2, 0, Area.of_degrees(-25, 34, 45, 72))


def ms(time: datetime) -> int:
    return round(time.timestamp() * 1000)


def test_each_forecast_hour_is_rendered_five_minutes_before_it() -> None:
    jobs = list(schedule_layer("gfs_TMP_2m", EUROPE, RUN, now=NOW, styles=("temperature",)))

    # 6 o'clock has passed.
    assert len(jobs) == 7 * EUROPE.count
    assert sorted({job.due_ms for job in jobs}) == [ms(time - LEAD) for time in RUN[1:]]
    assert {job.priority for job in jobs} == {Priority.LOW}
    for job in jobs:
        tile = RenderTile.model_validate_json(job.payload)
        assert tile.time is not None
        assert job.due_ms == ms(tile.time - LEAD)


@given(
    st.lists(st.integers(-600, 600), max_size=8),
    st.integers(0, 600),
    st.sets(st.sampled_from(["temperature", "default"]), min_size=1),
)
def test_what_has_passed_is_left_out_and_what_is_near_comes_at_once(
    minutes: list[int], lead_min: int, styles: set[str]
) -> None:
    """In any order, and with hours that come twice; ids are all different, and always the same."""
    times = [NOW + timedelta(minutes=each) for each in minutes]
    lead = timedelta(minutes=lead_min)

    def ask() -> list[tuple[str, int]]:
        jobs = schedule_layer("a", EUROPE, times, now=NOW, styles=sorted(styles), lead=lead)
        return [(job.id, job.due_ms) for job in jobs]

    first = ask()

    assert first == ask()
    assert len({name for name, _ in first}) == len(first)
    due = [ms(NOW + timedelta(minutes=each) - lead) for each in sorted(set(minutes)) if each > 0]
    assert [each for _, each in first] == [
        each for each in due for _ in range(EUROPE.count * len(styles))
    ]


def test_the_zone_of_a_time_makes_no_other_job() -> None:
    here = [time.astimezone(timezone(timedelta(hours=5, minutes=30))) for time in RUN]

    assert [job.id for job in schedule_layer("a", EUROPE, here, now=NOW)] == [
        job.id for job in schedule_layer("a", EUROPE, RUN, now=NOW)
    ]


def test_another_lead_is_another_job() -> None:
    ids = {
        job.id
        for lead_min in (5, 10)
        for job in schedule_layer(
            "a", Pyramid(0), RUN[1:2], now=NOW, lead=timedelta(minutes=lead_min)
        )
    }

    assert len(ids) == 2


@pytest.mark.leaves_jobs
async def test_the_jobs_wait_in_redis_and_the_same_call_twice_adds_nothing_twice(
    client: Redis, redis_url: str
) -> None:
    now = datetime.now(tz=UTC)
    times = [now + timedelta(hours=hours) for hours in (-3, 1, 4)] + [now + timedelta(minutes=2)]

    async with Producer.connect(redis_url, queue="tiles") as jobs:
        first = await jobs.enqueue_many(schedule_layer("a", EUROPE, times, now=now))
        again = await jobs.enqueue_many(schedule_layer("a", EUROPE, times, now=now))

    # Two minutes are less than the lead: these are for now.
    assert (first.accepted, first.existing) == (3 * EUROPE.count, 0)
    assert (again.accepted, again.existing) == (0, 3 * EUROPE.count)
    report = await inspect_queue(client, KEYS)
    assert (report.delayed, report.undelivered) == (2 * EUROPE.count, EUROPE.count)


@pytest.mark.leaves_jobs
async def test_a_visitor_does_not_wait_for_the_moment_of_a_scheduled_tile(
    client: Redis, redis_url: str
) -> None:
    """Who asks for the picture hours before gets a job that runs now."""
    now = datetime.now(tz=UTC)
    time = now + timedelta(hours=6)
    [scheduled] = schedule_layer("a", Pyramid(0), [time], now=now)
    asked = RenderTile.model_validate_json(scheduled.payload).model_copy(update={"priority": 200})

    async with Producer.connect(redis_url, queue="tiles") as jobs:
        await jobs.enqueue_many([scheduled])
        answer = await jobs.enqueue_many([tile_job(asked)])

    assert answer.accepted == 1
    assert await client.xlen(KEYS.stream(Priority.HIGH)) == 1


@pytest.mark.leaves_jobs
async def test_of_one_moment_the_coarse_tiles_come_first(client: Redis, redis_url: str) -> None:
    now = datetime.now(tz=UTC)
    jobs = list(schedule_layer("a", Pyramid(2), [now + timedelta(hours=1)], now=now))
    async with Producer.connect(redis_url, queue="tiles") as producer:
        await producer.enqueue_many(reversed(jobs))
    await client.zadd(KEYS.delayed, {job.id: 1 for job in jobs})

    await promote_due(Server(client), KEYS, Retention(10_000, 60_000, 60_000))

    entries: Any = await client.xrange(KEYS.stream(Priority.LOW))
    levels = [entry[b"id"].split(b":")[2] for _, entry in entries]
    assert levels == sorted(levels)
    assert len(levels) == 21


def test_what_is_wrong_is_refused_by_the_call() -> None:
    with pytest.raises(ScheduleError, match="needs a time zone"):
        schedule_layer("a", EUROPE, [NOW.replace(tzinfo=None)], now=NOW)
    with pytest.raises(ScheduleError, match="needs a time zone"):
        upcoming(RUN, NOW.replace(tzinfo=None))
    with pytest.raises(ScheduleError, match="0:05:00 after it"):
        schedule_layer("a", EUROPE, RUN, now=NOW, lead=-LEAD)
    with pytest.raises(TooManyTilesError, match="at most 10"):
        schedule_layer("a", EUROPE, RUN, now=NOW, tiles_max=10)
