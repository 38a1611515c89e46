"""What can go wrong in a worker.

    ConsumerError
    ├── RegistryError        two handlers for a kind, or a payload without a kind
    ├── MissingExtraError    a system's packages are not installed
    ├── HealthPortError      the port for health and metrics is taken
    ├── WorkerBrokenError    a part without which no job is safe has failed
    ├── PermanentError       a handler says: this job can never succeed
    ├── RetryableError       a handler says: try again, perhaps not before a given time
    └── Snooze               a handler says: not now, and that is no failure

Handlers may raise anything. An exception outside this tree is retried like a
`RetryableError`, because most failures pass; a failed payload check never is.
"""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

#: Nobody waits for longer: a service that says so has a mistake in its clock or its units.
RETRY_AFTER_MAX = timedelta(days=366)


class ConsumerError(Exception):
    """Base of everything that `consumers` raises on purpose."""


class RegistryError(ConsumerError):
    """Raised at start when kinds and handlers do not form pairs."""


class MissingExtraError(ConsumerError):
    """Raised at start when a system is asked for whose packages are not installed."""

    def __init__(self, system: str, missing: str) -> None:
        self.system = system
        self.missing = missing
        super().__init__(
            f"the system '{system}' needs the package '{missing}': "
            f'pip install "millstream[{system}]"'
        )


class PermanentError(ConsumerError):
    """Raised by a handler when no retry can help: the job becomes a dead letter at once."""


class RetryableError(ConsumerError):
    """Raised by a handler when a later attempt may succeed.

    *retry_after* is a lower bound on the wait, for services that name one; `retry_after`
    of this module reads their header. At most `RETRY_AFTER_MAX`.
    """

    def __init__(self, message: str, *, retry_after: timedelta | None = None) -> None:
        self.retry_after = None if retry_after is None else min(retry_after, RETRY_AFTER_MAX)
        super().__init__(message)


class Snooze(ConsumerError):  # noqa: N818 - not an error: a handler puts its job off
    """Raised by a handler when it is not yet the time for its job: it comes back later.

    It costs no attempt, up to `consumers.retry.SNOOZES_MAX` times a job; from then on each
    is charged as a failed attempt, so that no job is put off for ever. *delay* is the wait,
    at most `RETRY_AFTER_MAX`; what is negative is none. *reason* is shown as long as it waits.
    """

    def __init__(self, delay: timedelta, reason: str = "") -> None:
        self.delay = max(timedelta(0), min(delay, RETRY_AFTER_MAX))
        self.reason = reason or "its handler put it off"
        super().__init__(self.reason)


def retry_after(header: str | None, now: datetime | None = None) -> timedelta | None:
    """How long the value of an HTTP header `Retry-After` asks to wait (RFC 9110, 10.2.3).

    Seconds, or a date, which is compared with *now*. None for no header and for one that
    says neither; never negative, and at most `RETRY_AFTER_MAX`.
    """
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        # A number of more digits is longer than any wait.
        seconds = int(text[:12])
        return min(timedelta(seconds=min(seconds, 10**10)), RETRY_AFTER_MAX)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    wait = moment - (datetime.now(UTC) if now is None else now)
    return max(timedelta(0), min(wait, RETRY_AFTER_MAX))


class HealthPortError(ConsumerError):
    """Raised at start when the port for health and metrics cannot be opened."""

    def __init__(self, host: str, port: int, reason: OSError) -> None:
        self.host = host
        self.port = port
        super().__init__(
            f"cannot serve metrics on {host}:{port} ({reason.strerror}): "
            "choose another port with --metrics-port, or 0 for a free one"
        )


class WorkerBrokenError(ConsumerError):
    """Raised when a worker has ended because a part of it has failed; nothing to configure."""

    def __init__(self) -> None:
        super().__init__(
            "the worker has ended because a part of it has failed (the log names it, with a "
            "traceback): start it again, and report the traceback"
        )
