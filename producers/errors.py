"""What can go wrong for those who ask for work.

ProducerError
├── PayloadError       a payload that does not fit its model
├── AnswerLostError    Redis was not heard: the jobs may be in the queue or not
├── JobFailedError     the job that was waited for ended without success
├── RetryRefusedError  the job that was to run again cannot
├── ScheduleError      a schedule that makes no sense, or cannot be run now
└── TooManyTilesError  more tiles at once than are allowed

Of streams' QueueFullError: QueueStayedFullError, where there was no room within a time.
"""

from collections.abc import Sequence
from datetime import timedelta

from redis.exceptions import ConnectionError as LostConnectionError

from streams.errors import QueueFullError
from streams.state import State


class ProducerError(Exception):
    """Base of everything that `producers` raises on purpose."""


class PayloadError(ProducerError, ValueError):
    """Raised before anything is sent when a payload does not fit its model."""


class TooManyTilesError(ProducerError, ValueError):
    """Raised before anything is sent when more tiles are asked for at once than are allowed."""

    def __init__(self, tiles: int, tiles_max: int) -> None:
        self.tiles = tiles
        self.tiles_max = tiles_max
        super().__init__(
            f"that would be {tiles} tiles, at most {tiles_max} are allowed at once: take fewer "
            "levels, styles or times, or a smaller area"
        )


class ScheduleError(ProducerError, ValueError):
    """Raised for a schedule that cannot be read, never comes, or is not run now."""


class AnswerLostError(ProducerError, LostConnectionError):
    """Raised when no answer came to a call, nor to its repetitions.

    The jobs of `job_ids` may be in the queue or not. Whoever sends them again with the same
    ids adds none twice.
    """

    def __init__(self, queue: str, job_ids: Sequence[str], calls: int, last: BaseException) -> None:
        self.queue = queue
        self.job_ids = tuple(job_ids)
        which = f"the job '{job_ids[0]}'" if len(job_ids) == 1 else f"{len(job_ids)} jobs"
        super().__init__(
            f"no answer from Redis to {calls} calls ({type(last).__name__}: {last}): {which} may "
            f"be in the queue '{queue}' or not. Send the same ids again: nothing is added twice"
        )


class QueueStayedFullError(QueueFullError, TimeoutError):
    """Raised when a full queue had no room within the time that was to be waited for."""

    def __init__(self, queue: str, length: int, length_max: int, waited: timedelta) -> None:
        super().__init__(queue, length, length_max)
        self.waited = waited

    def __str__(self) -> str:
        """The figures, and how long they stood."""
        return f"for {self.waited.total_seconds():g} s {super().__str__()}"


class JobFailedError(ProducerError):
    """Raised by `Producer.result` when the job died or was cancelled."""

    def __init__(self, job_id: str, state: State, cause: str) -> None:
        self.job_id = job_id
        self.state = state
        self.cause = cause
        said = f": {cause}" if cause else ""
        super().__init__(f"the job '{job_id}' ended as {state.value}{said}")


class RetryRefusedError(ProducerError):
    """Raised by `JobHandle.retry` when the job is not dead, or cannot run again."""

    def __init__(self, job_id: str, reason: str) -> None:
        self.job_id = job_id
        self.reason = reason
        super().__init__(f"the job '{job_id}' cannot run again: {reason}")
