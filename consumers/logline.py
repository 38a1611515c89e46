"""What a handler may say in a line of its worker's log."""

import math
from collections.abc import Mapping

#: Lines of one run; more are left out, with a word about it.
LINES_MAX = 100
#: Fields of one line, and characters of their names, of their texts, and of the event.
FIELDS_MAX = 32
NAME_CHARS_MAX = 64
TEXT_CHARS_MAX = 2_000
EVENT_CHARS_MAX = 100

#: Larger numbers are written as text: JSON readers have 64 bits.
_INTEGER_END = 2**63

#: What a field may hold; anything else is written as text.
Scalar = str | int | float | bool | None

#: What the worker says itself, or its logger understands as more than a field.
RESERVED = frozenset(
    {"event", "level", "timestamp", "queue", "worker", "job_id", "kind", "exc_info", "stack_info"}
)


def bounded_fields(fields: Mapping[str, object]) -> dict[str, Scalar]:
    """The first `FIELDS_MAX` of *fields* as a line holds them, without the worker's own."""
    said = [name for name in fields if name not in RESERVED][:FIELDS_MAX]
    return {name[:NAME_CHARS_MAX]: _scalar(fields[name]) for name in said}


def _scalar(value: object) -> Scalar:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) < _INTEGER_END:
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    return str(value)[:TEXT_CHARS_MAX].encode(errors="replace").decode()
