"""One dead letter: a job that ended without success, as its stream tells it."""

from collections.abc import Mapping
from dataclasses import dataclass

import orjson
from pydantic import JsonValue

from streams.entry import derived_id
from streams.fingerprint import Failure, Fingerprint, failure_of, fingerprint
from streams.priority import LEVELS, Priority


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A job that ended without success, with everything that is known of it."""

    dead_entry: str
    id: str
    kind: str
    payload: bytes
    priority: Priority
    cause: str
    died_ms: int
    losses: int
    history: tuple[Mapping[str, JsonValue], ...]
    fields: Mapping[str, bytes]

    @property
    def last_error(self) -> str:
        """The message of the last attempt that has one."""
        for attempt in reversed(self.history):
            if attempt.get("error"):
                return f"{attempt.get('error')}: {attempt.get('message', '')}"
        return ""

    @property
    def failure(self) -> Failure:
        """What it failed of in the end: the same for all letters of one fingerprint."""
        return failure_of(self.history)

    @property
    def fingerprint(self) -> Fingerprint:
        """The group of failures that it belongs to; computed at each call."""
        return fingerprint(self.kind, self.cause, self.failure)

    @property
    def is_body_lost(self) -> bool:
        """True where there is nothing to run: the entry was deleted before the job died."""
        return "kind" not in self.fields and "payload" not in self.fields

    @property
    def unique(self) -> str:
        """The unique key of the job; empty where it has none."""
        return self.fields.get("unique", b"").decode(errors="replace")


def letter_of(dead_entry: str, fields: Mapping[str, bytes]) -> DeadLetter:
    """The letter with these fields.

    Never raises: a letter that somebody wrote by hand must not hide those behind it.
    """

    def text(name: str) -> str:
        return fields.get(name, b"").decode(errors="replace")

    priority = next((each for each in LEVELS if each == text("priority")), Priority.NORMAL)
    return DeadLetter(
        dead_entry=dead_entry,
        id=text("id") or derived_id(priority, text("entry")),
        kind=text("kind"),
        payload=fields.get("payload", b""),
        priority=priority,
        cause=text("cause"),
        died_ms=_number(text("died_ms"), int(dead_entry.partition("-")[0])),
        losses=_number(text("losses"), 0),
        history=_history(fields.get("history", b"[]")),
        fields=fields,
    )


def _number(text: str, default: int) -> int:
    # 16 digits hold every number that a script writes.
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 16 else default  # noqa: PLR2004 - above


def _history(packed: bytes) -> tuple[Mapping[str, JsonValue], ...]:
    try:
        rows = orjson.loads(packed)
    except orjson.JSONDecodeError:
        return ()
    return tuple(row for row in rows if isinstance(row, dict)) if isinstance(rows, list) else ()
