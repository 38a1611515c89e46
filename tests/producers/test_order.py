"""From a payload and options to a job."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.order import LevelName, Options, new_job
from producers.payloads.base import Payload
from streams.backoff import Backoff
from streams.errors import InvalidJobError
from streams.job import ATTEMPTS_DEFAULT, NewJob
from streams.priority import LEVELS, Priority


class Greeting(Payload):
    """Something to say."""

    kind: ClassVar[str] = "test.greeting"

    text: str = "hello"
    to: str | None = None


def test_a_payload_alone_is_a_job_with_the_documented_defaults() -> None:
    job = new_job(Greeting())

    assert (job.kind, job.payload) == ("test.greeting", b'{"text":"hello"}')
    assert (job.priority, job.attempts_max) == (Priority.NORMAL, ATTEMPTS_DEFAULT)
    assert (job.delay_ms, job.due_ms, job.timeout_ms) == (0, 0, None)
    assert (job.unique, job.unique_ttl_ms, job.meta, job.traceparent) == (None, 0, None, None)
    assert job.id != new_job(Greeting()).id


def test_every_option_reaches_the_job() -> None:
    job = new_job(
        Greeting(text="ä", to="you"),
        id="a",
        priority="high",
        delay=timedelta(seconds=1.5),
        expires=timedelta(minutes=2),
        attempts=7,
        backoff=Backoff(first=timedelta(seconds=1)),
        timeout=timedelta(minutes=1),
        unique="slot",
        unique_ttl=timedelta(hours=1),
        meta={"tenant": "acme"},
        traceparent="00-ab-cd-01",
    )

    assert job == NewJob(
        kind="test.greeting",
        payload='{"text":"ä","to":"you"}'.encode(),
        id="a",
        priority=Priority.HIGH,
        delay_ms=1500,
        expires_in_ms=120_000,
        attempts_max=7,
        backoff=Backoff(timedelta(seconds=1), 2.0, timedelta(minutes=10), 0.5),
        timeout_ms=60_000,
        unique="slot",
        unique_ttl_ms=3_600_000,
        meta={"tenant": "acme"},
        traceparent="00-ab-cd-01",
    )


def test_the_options_of_this_test_are_all_there_are() -> None:
    assert set(Options.__annotations__) == {
        *("id", "priority", "delay", "run_at", "expires", "attempts", "backoff", "timeout"),
        *("unique", "unique_ttl", "meta", "traceparent"),
    }


@pytest.mark.parametrize("priority", [*LEVELS, "urgent", 0, 255])
def test_a_priority_may_be_named_in_any_way(priority: Priority | LevelName | int) -> None:
    assert new_job(Greeting(), priority=priority).priority is Priority.of(priority)


def test_a_priority_that_names_no_level_is_refused() -> None:
    with pytest.raises(ValueError, match="critical, high, normal, low or a number 0-255"):
        new_job(Greeting(), priority=256)


@given(
    moment=st.datetimes(
        min_value=datetime(1970, 1, 2),  # noqa: DTZ001 - the zone is drawn beside it
        timezones=st.integers(-23, 23).map(lambda hours: timezone(timedelta(hours=hours))),
    )
)
def test_a_moment_is_the_same_in_every_zone(moment: datetime) -> None:
    due_ms = new_job(Greeting(), run_at=moment).due_ms

    assert abs(due_ms - moment.timestamp() * 1000) <= 1
    assert new_job(Greeting(), run_at=moment.astimezone(UTC)).due_ms == due_ms


def test_a_moment_without_a_zone_is_refused_with_the_way_to_make_one() -> None:
    with pytest.raises(InvalidJobError, match=r"run_at needs a time zone.*datetime.now\(tz=UTC\)"):
        new_job(Greeting(), run_at=datetime(2030, 1, 1))  # noqa: DTZ001 - that is the mistake


def test_a_moment_before_all_clocks_means_now() -> None:
    """The first moment of the clock, because none at all is another thing."""
    assert new_job(Greeting(), run_at=datetime(1900, 1, 1, tzinfo=UTC)).due_ms == 1


def test_an_expiry_is_a_time_or_a_moment() -> None:
    moment = datetime(2030, 1, 1, tzinfo=UTC)

    for expires, expected in (
        (timedelta(seconds=1.5), (1500, 0)),
        (timedelta(microseconds=1), (1, 0)),
        (moment, (0, round(moment.timestamp() * 1000))),
    ):
        job = new_job(Greeting(), expires=expires)
        assert (job.expires_in_ms, job.expires_ms) == expected


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"expires": timedelta(0)}, "expires is a time from the job's arrival on, got 0:00:00"),
        ({"expires": timedelta(seconds=-1)}, "expires is a time from the job's arrival on"),
        ({"expires": timedelta.max}, "expires_in_ms is 0 to"),
        ({"expires": datetime(2030, 1, 1)}, "expires needs a time zone"),  # noqa: DTZ001
        (
            {"expires": timedelta(minutes=1), "delay": timedelta(minutes=1)},
            "expires_in_ms is 60000 and delay_ms 60000: .* would never run",
        ),
        (
            {
                "expires": datetime(2030, 1, 1, tzinfo=UTC),
                "run_at": datetime(2030, 1, 2, tzinfo=UTC),
            },
            "would never run",
        ),
        ({"delay": timedelta(seconds=-1)}, "delay_ms is 0 to"),
        ({"unique_ttl": timedelta(seconds=-1)}, "unique_ttl_ms is 0 to"),
        ({"timeout": timedelta(0)}, "timeout_ms is 1 to .*, got 0"),
        ({"timeout": timedelta(microseconds=10)}, "timeout_ms is 1 to .*, got 0"),
        ({"timeout": timedelta(seconds=-1)}, "timeout_ms is 1 to"),
        ({"delay": timedelta.max}, "delay_ms is 0 to"),
        ({"attempts": 0}, "attempts is 1 to 1000, got 0"),
        ({"id": ""}, "a job id has 1 to 200"),
        ({"unique": ""}, "a unique key has 1 to 512"),
        ({"meta": {"a": object()}}, "meta is no JSON object"),
        (
            {"delay": timedelta(seconds=1), "run_at": datetime(2030, 1, 1, tzinfo=UTC)},
            "for a delay or until a moment, not both",
        ),
    ],
)
def test_an_option_out_of_its_range_is_refused_and_never_taken_for_the_default(
    options: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidJobError, match=said):
        new_job(Greeting(), **options)


def test_a_payload_that_is_too_large_is_refused_with_the_advice() -> None:
    with pytest.raises(InvalidJobError, match="put the data into an object store"):
        new_job(Greeting(text="x" * 2**20))


@given(text=st.text(), to=st.none() | st.text())
def test_a_payload_is_read_as_it_was_written(text: str, to: str | None) -> None:
    greeting = Greeting(text=text, to=to)

    assert Greeting.model_validate_json(new_job(greeting).payload) == greeting
