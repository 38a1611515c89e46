"""A dead letter as one line of JSON: readable for `jq`, and complete.

The payload stands there as JSON where it is JSON, so that it can be searched. Where
writing it again would not give the same bytes (spaces, numbers of more than 64 bits, no
JSON at all), `payload_base64` has the bytes. Other fields that UTF-8 cannot hold stand as
`{"base64": ...}`.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import orjson

from streams.errors import InvalidJobError
from streams.keys import Keys
from streams.letter import DeadLetter, letter_of

#: Raised when a reader of today would misread the lines of tomorrow.
FORMAT = 1

#: Fields with a place of their own in the line.
_NAMED = frozenset({"id", "kind", "payload", "priority", "cause", "died_ms", "losses", "history"})


def line_of(keys: Keys, letter: DeadLetter) -> bytes:
    """*letter* as JSON, without the line's end."""
    failure, print_ = letter.failure, letter.fingerprint
    payload, exact = _payload(letter.payload)
    row: dict[str, Any] = {
        "format": FORMAT,
        "queue": keys.queue,
        "partition": keys.partition,
        "dead_entry": letter.dead_entry,
        "id": letter.id,
        "kind": letter.kind,
        "priority": letter.priority.value,
        "cause": letter.cause,
        "died_ms": letter.died_ms,
        "losses": letter.losses,
        "fingerprint": print_.digest,
        "title": print_.title,
        "error": failure.error,
        "message": failure.message,
        "history": letter.history,
        "payload": payload,
        "fields": {
            name: _field(value) for name, value in letter.fields.items() if name not in _NAMED
        },
    }
    if not exact:
        row["payload_base64"] = base64.b64encode(letter.payload).decode()
    if letter.is_body_lost:
        row["body_lost"] = True
    return orjson.dumps(row)


def letter_in(line: bytes) -> tuple[Keys, DeadLetter]:
    """The letter that `line_of` has written, and the partition that it lay in.

    Raises:
        InvalidJobError: *line* is none of ours.
    """
    try:
        row: dict[str, Any] = orjson.loads(line)
        version = row["format"]
        keys = Keys(row["queue"], row["partition"])
        letter = letter_of(str(row["dead_entry"]), _fields(row))
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidJobError(
            f"this is no line of `millstream dead export` ({type(error).__name__}: {error}): "
            f"{line[:60]!r}"
        ) from error
    if version != FORMAT:
        raise InvalidJobError(
            f"this export has the format {version!r:.20}, and this Millstream reads {FORMAT}: "
            "use the one that wrote it"
        )
    return keys, letter


def _fields(row: Mapping[str, Any]) -> dict[str, bytes]:
    fields = {name: _bytes(value) for name, value in row["fields"].items()}
    named = {
        "id": row["id"].encode(),
        "priority": row["priority"].encode(),
        "cause": row["cause"].encode(),
        "died_ms": str(row["died_ms"]).encode(),
        "losses": str(row["losses"]).encode(),
        "history": orjson.dumps(row["history"]),
    }
    if not row.get("body_lost"):
        named["kind"] = row["kind"].encode()
        named["payload"] = (
            base64.b64decode(row["payload_base64"], validate=True)
            if "payload_base64" in row
            else orjson.dumps(row["payload"])
        )
    return fields | named


def _payload(payload: bytes) -> tuple[Any, bool]:
    """What the line shows of a payload, and whether that is all of it."""
    try:
        parsed = orjson.loads(payload)
        return parsed, orjson.dumps(parsed) == payload
    except (orjson.JSONDecodeError, TypeError):
        # A TypeError comes from JSON that is nested deeper than orjson writes.
        return payload.decode(errors="backslashreplace"), False


def _field(value: bytes) -> str | dict[str, str]:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}


def _bytes(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode()
    try:
        return base64.b64decode(value["base64"], validate=True)
    except binascii.Error as error:
        raise ValueError(f"a field is no base64: {error}") from error
