"""What can go wrong for those who ask for work.

ProducerError
├── PayloadError       a payload that does not fit its model
├── JobFailedError     the job that was waited for ended without success
├── RetryRefusedError  the job that was to run again cannot
├── ScheduleError      a schedule that makes no sense, or cannot be run now
└── TooManyTilesError  more tiles at once than are allowed
"""

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
