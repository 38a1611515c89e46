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


class AttemptRows:
    """Writes the rows of one worker's runs: JSON objects."""

    def __init__(self, consumer: str, host: str, version: str) -> None:
        # The same in every row, and three quarters of what a row of a success holds.
        who = orjson.dumps({"consumer": consumer, "host": host, "version": version})
        self._who = who.decode().strip("{}")

    def row(
        self,
        attempt: int,
        outcome: str,
        started_ms: int,
        ended_ms: int,
        failure: Failure | None = None,
    ) -> bytes:
        """One row; *outcome* is a plain word. With a *failure* it says what went wrong."""
        row = (
            f'{{"attempt":{attempt},"outcome":"{outcome}",{self._who},'
            f'"started_ms":{started_ms},"ended_ms":{ended_ms}}}'
        ).encode()
        if failure is None:
            return row
        said = {
            "error": failure.error,
            "message": failure.message,
            "traceback": failure.traceback,
        }
        return row[:-1] + b"," + orjson.dumps(said)[1:]


def _message(error: BaseException) -> str:
    """What *error* says, even if saying it fails."""
    try:
        return str(error)
    except Exception as another:  # noqa: BLE001 - the class comes from a handler's packages
        return f"(its message cannot be shown: {type(another).__name__})"
