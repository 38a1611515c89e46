"""What can go wrong between a program and Redis.

StreamsError
├── SettingsError            a setting is missing, wrong or unknown
├── ServerUnavailableError   no answer at the URL, or not now
├── UnsafeServerError        a server that would lose jobs
├── EmbeddedServerError      no server binary was found, or it did not start
├── ScriptError              a script was called with other names than its header's
├── InvalidJobError          a job that must not be sent: id, size or limits
├── DurabilityError          the server cannot say how safe a job is
├── QueueFullError           the queue holds as many jobs as it may
├── QueueDrainingError       the queue takes no new jobs
├── UnknownJobError          no record of this job, now or any more
├── ListingError             a list of jobs that there is not, or no place in one
├── UnknownScheduleError     no schedule of this name
├── ScheduleExistsError      another schedule has this name
└── TooManySchedulesError    the queue holds as many schedules as it may
"""


class StreamsError(Exception):
    """Base of everything that `streams` raises on purpose."""


class SettingsError(StreamsError):
    """Raised when settings, taken together, make no sense; lists every reason."""


class ServerUnavailableError(StreamsError):
    """Raised when Redis does not answer; names the URL without its password."""


class UnsafeServerError(StreamsError):
    """Raised at start when the server is one on which accepted jobs can vanish."""


class EmbeddedServerError(StreamsError):
    """Raised when no Redis server could be found or started on this machine."""


class ScriptError(StreamsError, TypeError):
    """Raised before Redis is asked when a call does not fit the script's header."""


class InvalidJobError(StreamsError, ValueError):
    """Raised before anything is sent: names the field, its limit and what it got."""


class DurabilityError(StreamsError):
    """Raised before anything is sent when the server cannot say how safe a job is."""


class QueueFullError(StreamsError):
    """Raised when a queue with a limit holds as many jobs as it may."""

    def __init__(self, queue: str, length: int, length_max: int) -> None:
        self.queue = queue
        self.length = length
        self.length_max = length_max
        super().__init__(
            f"the queue '{queue}' holds {length} jobs and may hold {length_max}: "
            "try again later, add workers, or raise the limit"
        )


class QueueDrainingError(StreamsError):
    """Raised when a queue takes no new jobs, because somebody drains it."""

    def __init__(self, queue: str, by: str, since_ms: int, since: str) -> None:
        self.queue = queue
        self.by = by
        self.since_ms = since_ms
        super().__init__(
            f"the queue '{queue}' is closed to new jobs, it drains {since}: try again later, use "
            f"another queue, or open it again (millstream queues reopen {queue})"
        )


class UnknownJobError(StreamsError):
    """Raised when a job has no record: never enqueued, or ended and forgotten."""

    def __init__(self, queue: str, job_id: str) -> None:
        self.queue = queue
        self.job_id = job_id
        super().__init__(
            f"the queue '{queue}' has no record of the job '{job_id}': the id is wrong, "
            "it ended longer ago than records are kept, or it was sent by a plain XADD "
            "and has not run yet"
        )


class ListingError(StreamsError, ValueError):
    """Raised before anything is read: a state that has no list, a page or a cursor that is none."""


class UnknownScheduleError(StreamsError):
    """Raised when there is no schedule of this name: never added, or removed."""

    def __init__(self, queue: str, name: str) -> None:
        super().__init__(
            f"the queue '{queue}' has no schedule '{name}': check the name "
            f"(millstream schedules list --queue {queue} shows all)"
        )


class ScheduleExistsError(StreamsError):
    """Raised when a schedule of this name is there and was not to be replaced."""

    def __init__(self, queue: str, name: str) -> None:
        super().__init__(
            f"the queue '{queue}' has a schedule '{name}' already: take another name, or "
            "replace it (--replace)"
        )


class TooManySchedulesError(StreamsError):
    """Raised when a queue holds as many schedules as it may."""

    def __init__(self, queue: str, count: int) -> None:
        super().__init__(
            f"the queue '{queue}' holds {count} schedules, as many as it may: remove one, or "
            "use another queue"
        )
