"""From a payload and options to a job: what `Producer` sends, without sending it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal, TypedDict, Unpack

from pydantic import JsonValue

from producers.payloads.base import Payload
from streams.backoff import Backoff
from streams.errors import InvalidJobError
from streams.job import ATTEMPTS_DEFAULT, NewJob, new_id
from streams.priority import Priority

#: A level by its name, for type checkers; `Priority.of` reads a name that is known only later.
LevelName = Literal["critical", "high", "normal", "low", "urgent"]


class Options(TypedDict, total=False):
    """How a job is to be treated; every option has a default.

    Attributes:
        id: Idempotency key: the same id twice is one job. Random by default.
        priority: A level, its name, or a number 0-255; normal by default.
        delay: Wait at least so long, on the server's clock.
        run_at: Wait until this moment (with a time zone); a past moment means now.
        expires: Its first attempt begins within this time after the job has arrived, or
            before this moment (with a time zone); later it is cancelled instead. Never by
            default.
        attempts: Runs of the handler before the job is dead; 3 by default.
        backoff: How long to wait between two attempts; the handler's own by default.
        timeout: What one attempt may take; the handler's own limit by default.
        unique: A slot that only one live job may hold.
        unique_ttl: The slot opens by itself after this time; by default with the job's end.
        meta: Travels with the job: tenant, trace, whatever its readers agree on.
        traceparent: W3C trace context of the sender.
    """

    id: str
    priority: Priority | LevelName | int
    delay: timedelta
    run_at: datetime
    expires: timedelta | datetime
    attempts: int
    backoff: Backoff
    timeout: timedelta
    unique: str
    unique_ttl: timedelta
    meta: Mapping[str, JsonValue]
    traceparent: str


def new_job(payload: Payload, **options: Unpack[Options]) -> NewJob:
    """The job that carries *payload*.

    Raises:
        InvalidJobError: an option is out of its range, or `run_at` has no time zone.
        ValueError: the priority names no level.
    """
    body = payload.model_dump_json(exclude_none=True).encode()
    if not options:
        # Most jobs: spared what takes longer than the rest together.
        return NewJob(kind=payload.kind, payload=body, schema_version=payload.schema_version)
    timeout = options.get("timeout")
    return NewJob(
        kind=payload.kind,
        payload=body,
        id=options["id"] if "id" in options else new_id(),
        priority=Priority.of(options.get("priority", Priority.NORMAL)),
        delay_ms=_ms(options.get("delay")),
        due_ms=_moment_ms("run_at", options.get("run_at")),
        expires_in_ms=_expires_in_ms(options.get("expires")),
        expires_ms=_expires_ms(options.get("expires")),
        attempts_max=options.get("attempts", ATTEMPTS_DEFAULT),
        backoff=options.get("backoff"),
        timeout_ms=None if timeout is None else _ms(timeout),
        unique=options.get("unique"),
        unique_ttl_ms=_ms(options.get("unique_ttl")),
        meta=options.get("meta"),
        traceparent=options.get("traceparent"),
        schema_version=payload.schema_version,
    )


def _ms(duration: timedelta | None) -> int:
    return 0 if duration is None else round(duration.total_seconds() * 1000)


def _expires_in_ms(expires: timedelta | datetime | None) -> int:
    if not isinstance(expires, timedelta):
        return 0
    if expires <= timedelta(0):
        raise InvalidJobError(f"expires is a time from the job's arrival on, got {expires}")
    return max(1, _ms(expires))


def _expires_ms(expires: timedelta | datetime | None) -> int:
    return 0 if isinstance(expires, timedelta) else _moment_ms("expires", expires)


def _moment_ms(name: str, moment: datetime | None) -> int:
    if moment is None:
        return 0
    if moment.tzinfo is None:
        raise InvalidJobError(
            f"{name} needs a time zone, got {moment.isoformat()}: use datetime.now(tz=UTC)"
        )
    # A moment before 1970 is one that has passed, not one that nobody has named.
    return max(1, round(moment.timestamp() * 1000))
