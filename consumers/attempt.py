"""One row of a job's history: who ran it, when, and how that ended."""

import traceback
from dataclasses import dataclass

import orjson

from consumers.redaction import redacted

#: A dead letter carries up to fifty of these rows.
MESSAGE_CHARS_MAX = 2_000
TRACEBACK_CHARS_MAX = 8_000


@dataclass(frozen=True, slots=True)
class Failure:
    """What a run raised, as data: never an object that could be raised again."""

    error: str
    message: str
    traceback: str

    @classmethod
    def of(cls, error: BaseException) -> "Failure":
        """Class, message and traceback of *error*, bounded and without passwords."""
        text = "".join(traceback.format_exception(error))
        return cls(
            error=type(error).__name__,
            message=redacted(_message(error))[:MESSAGE_CHARS_MAX],
            # The end of a traceback names the line that raised.
            traceback=redacted(text)[-TRACEBACK_CHARS_MAX:],
        )

    @classmethod
    def said(cls, error: str, message: str, traceback: str = "") -> "Failure":
        """A failure that no exception of this process stands behind."""
        return cls(
            error,
            redacted(message)[:MESSAGE_CHARS_MAX],
            redacted(traceback)[-TRACEBACK_CHARS_MAX:],
        )


@dataclass(frozen=True, slots=True)
class Attempt:
    """A row of the history, before it is written."""

    attempt: int
    consumer: str
    host: str
    version: str
    started_ms: int
    ended_ms: int
    outcome: str
    failure: Failure | None = None

    def to_json(self) -> bytes:
        """One JSON object; without the error's fields where nothing failed."""
        row: dict[str, object] = {
            "attempt": self.attempt,
            "outcome": self.outcome,
            "consumer": self.consumer,
            "host": self.host,
            "version": self.version,
            "started_ms": self.started_ms,
            "ended_ms": self.ended_ms,
        }
        if self.failure is not None:
            row["error"] = self.failure.error
            row["message"] = self.failure.message
            row["traceback"] = self.failure.traceback
        return orjson.dumps(row)


def _message(error: BaseException) -> str:
    """What *error* says, even if saying it fails."""
    try:
        return str(error)
    except Exception as another:  # noqa: BLE001 - the class comes from a handler's packages
        return f"(its message cannot be shown: {type(another).__name__})"
