"""What can go wrong for those who ask for work.

ProducerError
├── PayloadError       a payload that does not fit its model
├── JobFailedError     the job that was waited for ended without success
├── RetryRefusedError  the job that was to run again cannot
├── ScheduleError      a schedule that makes no sense, or cannot be run now
└── TileError          a tile address or key that does not exist
"""

from streams.state import State


class ProducerError(Exception):
    """Base of everything that `producers` raises on purpose."""


class PayloadError(ProducerError, ValueError):
    """Raised before anything is sent when a payload does not fit its model."""


class TileError(ProducerError, ValueError):
    """Raised for a tile address outside its zoom, or a part of a key that is unsafe."""


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
