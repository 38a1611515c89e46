"""What a schedule says: when, which job, and what to do with runs that were missed."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from producers.errors import ScheduleError
from producers.payloads.flaws import told
from producers.payloads.known import misfit
from producers.schedule.cron import Cron
from streams.job import ATTEMPTS_DEFAULT, ATTEMPTS_MAX, SCHEMA_VERSION_MAX, NewJob
from streams.priority import Priority
from streams.schedules import StoredSchedule, require_definition, require_name

#: What a schedule makes up for at most, however long nobody ran it.
MISSED_MAX = 1000
JITTER_MAX = timedelta(hours=1)
GRACE_MAX = timedelta(days=1)
CRON_CHARS_MAX = 200
ZONE_CHARS_MAX = 64
TIMEOUT_MAX = timedelta(days=365)


class Missed(StrEnum):
    """What becomes of ticks at which no scheduler ran."""

    SKIP = "skip"
    """They are left out; one that is late by no more than the grace is none of them."""
    LAST = "last"
    """The latest one is made up for, and stands for all before it."""
    ALL = "all"
    """Each is made up for, in their order; of more than `missed_max` the latest ones."""


class Overlap(StrEnum):
    """What becomes of a tick at which the last job of the schedule has not ended."""

    ALLOW = "allow"
    """Its job is enqueued as well."""
    SKIP = "skip"
    """It is left out, and not made up for."""


class Schedule(BaseModel):
    """A job that comes again and again, at the ticks of a cron expression in a time zone.

    Attributes:
        name: 1 to 64 letters, digits, `_`, `.` and `-`; unique in its queue.
        cron: Five fields or an alias such as `@hourly`.
        zone: An IANA time zone.
        kind: The kind of its jobs.
        payload: Their input.
        schema_version: The revision of their input.
        priority: Their level.
        attempts: Runs of the handler before a job is dead.
        timeout: What one attempt may take; the handler's own limit by default.
        unique: A slot that only one live job may hold; ticks meanwhile are left out.
        meta: Travels with the jobs.
        missed: What becomes of ticks at which no scheduler ran.
        missed_max: How many of them are made up for, with `all`.
        grace: How late a tick may be before it counts as missed, with `skip`.
        overlap: Whether a job may start while the last one has not ended.
        jitter: Each tick comes up to so much later: how much follows from name and tick.
        paused: It is kept and does not come.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, ser_json_timedelta="float"
    )

    name: str
    cron: Annotated[str, Field(max_length=CRON_CHARS_MAX)]
    zone: Annotated[str, Field(max_length=ZONE_CHARS_MAX)] = "UTC"
    kind: str
    payload: dict[str, JsonValue] = {}
    schema_version: Annotated[int, Field(ge=1, le=SCHEMA_VERSION_MAX)] = 1
    priority: Priority = Priority.NORMAL
    attempts: Annotated[int, Field(ge=1, le=ATTEMPTS_MAX)] = ATTEMPTS_DEFAULT
    timeout: Annotated[timedelta, Field(ge=timedelta(milliseconds=1), le=TIMEOUT_MAX)] | None = None
    unique: str | None = None
    meta: dict[str, JsonValue] | None = None
    missed: Missed = Missed.LAST
    missed_max: Annotated[int, Field(ge=1, le=MISSED_MAX)] = 100
    grace: Annotated[timedelta, Field(ge=timedelta(seconds=1), le=GRACE_MAX)] = timedelta(minutes=1)
    overlap: Overlap = Overlap.ALLOW
    jitter: Annotated[timedelta, Field(ge=timedelta(0), le=JITTER_MAX)] = timedelta(0)
    paused: bool = False

    @model_validator(mode="after")
    def _require_sense(self) -> Self:
        require_name(self.name)
        _ = self.times
        self.job("check")
        require_definition(self.definition())
        return self

    @property
    def times(self) -> Cron:
        """When it comes."""
        return _cron(self.cron, self.zone)

    def job(self, job_id: str) -> NewJob:
        """One of its jobs."""
        return NewJob(
            kind=self.kind,
            payload=orjson.dumps(self.payload),
            id=job_id,
            priority=self.priority,
            attempts_max=self.attempts,
            timeout_ms=None if self.timeout is None else round(self.timeout.total_seconds() * 1000),
            unique=self.unique,
            meta=self.meta,
            schema_version=self.schema_version,
        )

    def definition(self) -> bytes:
        """What is kept of it, as JSON: all but its name and whether it is paused."""
        return self.model_dump_json(exclude={"name", "paused"}, exclude_defaults=True).encode()


def schedule_of(fields: Mapping[str, object]) -> Schedule:
    """The schedule that *fields* describe, with the names of `Schedule`.

    Raises:
        ScheduleError: names each field that is wrong, with its limit.
    """
    try:
        return Schedule.model_validate(fields)
    except ValidationError as error:
        raise ScheduleError(told(error, whole="")) from error


def stored_schedule(stored: StoredSchedule) -> Schedule:
    """The schedule that Redis holds.

    Raises:
        ScheduleError: it cannot be read here: a newer program wrote it, or this machine does
            not know its time zone.
    """
    try:
        fields = orjson.loads(stored.definition)
        return schedule_of({**fields, "name": stored.name, "paused": stored.paused})
    except (orjson.JSONDecodeError, TypeError) as error:
        raise ScheduleError(f"its definition is no JSON object ({error})") from error


def require_known_payload(schedule: Schedule) -> None:
    """Refuse a payload that does not fit the model of its kind, where that is known here.

    Raises:
        ScheduleError: names each field that is wrong.
    """
    if flaw := misfit(schedule.kind, orjson.dumps(schedule.payload)):
        raise ScheduleError(flaw)


@lru_cache(maxsize=1024)
def _cron(expression: str, zone: str) -> Cron:
    return Cron(expression, zone)
