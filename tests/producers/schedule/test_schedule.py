"""What a schedule may say, and what is said to whoever says something else."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from producers.errors import ScheduleError
from producers.schedule.schedule import (
    GRACE_MAX,
    JITTER_MAX,
    MISSED_MAX,
    Missed,
    Overlap,
    Schedule,
    require_known_payload,
    schedule_of,
    stored_schedule,
)
from streams.priority import Priority
from streams.schedules import DEFINITION_BYTES_MAX, StoredSchedule

PLAIN: dict[str, Any] = {"name": "nightly", "cron": "0 2 * * *", "kind": "test.echo"}


def stored(definition: bytes, *, name: str = "nightly", paused: bool = False) -> StoredSchedule:
    return StoredSchedule(name, definition, 1, 0, paused, "", 0, 0)


def test_little_has_to_be_said() -> None:
    schedule = schedule_of(PLAIN)

    assert (schedule.zone, schedule.payload, schedule.priority) == ("UTC", {}, Priority.NORMAL)
    assert (schedule.missed, schedule.overlap, schedule.paused) == (
        Missed.LAST,
        Overlap.ALLOW,
        False,
    )
    assert schedule.job("a").payload == b"{}"
    assert schedule.job("a").timeout_ms is None


def test_its_jobs_have_the_options_that_it_names() -> None:
    schedule = schedule_of(
        {
            **PLAIN,
            "payload": {"n": 1},
            "priority": "high",
            "attempts": 5,
            "timeout": timedelta(seconds=1.5),
            "unique": "slot",
            "meta": {"tenant": "a"},
            "schema_version": 2,
        }
    )

    job = schedule.job("cron:nightly:x")

    assert (job.id, job.kind, job.payload) == ("cron:nightly:x", "test.echo", b'{"n":1}')
    assert (job.priority, job.attempts_max, job.timeout_ms) == (Priority.HIGH, 5, 1500)
    assert (job.unique, job.meta, job.schema_version) == ("slot", {"tenant": "a"}, 2)


@pytest.mark.parametrize("paused", [False, True])
def test_what_is_kept_is_read_again_as_it_was(*, paused: bool) -> None:
    schedule = schedule_of(
        {
            **PLAIN,
            "zone": "Europe/Berlin",
            "payload": {"deep": [1, None, {"a": "ä"}]},
            "priority": Priority.LOW,
            "timeout": timedelta(milliseconds=1500),
            "missed": Missed.ALL,
            "missed_max": 7,
            "grace": timedelta(hours=2),
            "overlap": Overlap.SKIP,
            "jitter": timedelta(milliseconds=1),
            "paused": paused,
        }
    )

    assert stored_schedule(stored(schedule.definition(), paused=paused)) == schedule
    assert b"nightly" not in schedule.definition()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": "a b"}, r"a schedule's name has 1 to 64 characters.*'a b'"),
        ({"cron": "* * * *"}, "five fields"),
        ({"cron": "* " * 200}, "cron: .*at most 200 characters"),
        ({"cron": "0 0 31 2 *"}, "cannot be read|never comes"),
        ({"zone": "Mars/Olympus"}, "there is no time zone 'Mars/Olympus'.*IANA name"),
        ({"zone": "a" * 65}, "zone: .*at most 64 characters"),
        ({"kind": "1"}, "a kind starts with a letter"),
        ({"payload": [1]}, "payload: .*dictionary"),
        ({"payload": {"x": "y" * DEFINITION_BYTES_MAX}}, f"{DEFINITION_BYTES_MAX} bytes"),
        ({"schema_version": 0}, "schema_version: .*greater than or equal to 1"),
        ({"priority": "sometimes"}, "priority: .*'critical'"),
        ({"attempts": 0}, "attempts: .*greater than or equal to 1"),
        ({"attempts": 1001}, "attempts: .*less than or equal to 1000"),
        ({"timeout": 0}, "timeout: .*greater than or equal to"),
        ({"timeout": timedelta(days=366)}, "timeout: .*less than or equal to 365 days"),
        ({"unique": "a b"}, "a unique key has 1 to 512"),
        ({"meta": {"x": "y" * 20_000}}, "meta may have"),
        ({"missed": "some"}, "missed: .*'skip', 'last' or 'all'"),
        ({"missed_max": 0}, "missed_max: .*greater than or equal to 1"),
        ({"missed_max": MISSED_MAX + 1}, f"missed_max: .*less than or equal to {MISSED_MAX}"),
        ({"grace": 0}, "grace: .*greater than or equal to 1 second"),
        ({"grace": GRACE_MAX * 2}, "grace: .*less than or equal to 1 day"),
        ({"overlap": "wait"}, "overlap: .*'allow' or 'skip'"),
        ({"jitter": -1}, "jitter: .*greater than or equal to 0"),
        ({"jitter": JITTER_MAX * 2}, "jitter: .*less than or equal to 1 hour"),
        ({"colour": "red"}, "colour: .*not permitted"),
    ],
)
def test_what_is_out_of_its_range_is_refused_by_name_and_limit(
    fields: dict[str, Any], said: str
) -> None:
    with pytest.raises(ScheduleError, match=said) as refused:
        schedule_of({**PLAIN, **fields})

    assert "\n" not in str(refused.value)
    with pytest.raises(ValidationError):
        Schedule.model_validate({**PLAIN, **fields})


def test_a_schedule_does_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        schedule_of(PLAIN).name = "other"  # type: ignore[misc]  # that is the test


@pytest.mark.parametrize(
    ("definition", "said"),
    [
        (b"", "no JSON object"),
        (b"[]", "no JSON object"),
        (b'{"cron": "@daily", "kind": "a", "moon": "full"}', "moon: .*not permitted"),
        (b'{"cron": "@daily", "kind": "a", "zone": "New/Land"}', "no time zone 'New/Land'"),
    ],
)
def test_what_another_program_has_kept_may_be_unreadable_here(definition: bytes, said: str) -> None:
    with pytest.raises(ScheduleError, match=said):
        stored_schedule(stored(definition))


def test_a_payload_fits_the_model_of_its_kind_where_that_is_known() -> None:
    require_known_payload(schedule_of({**PLAIN, "payload": {"any": "thing"}}))

    with pytest.raises(
        ScheduleError, match=r"does not fit 'tiles.render': .*layer: Field required"
    ):
        require_known_payload(schedule_of({**PLAIN, "kind": "tiles.render"}))
