"""The bounds of a JSON Schema: which of two is the narrower."""

import re
from collections.abc import Iterator
from typing import Any

from producers.payloads.schema import Schema

#: Each kind of bound: the keyword that includes its value, and the one that excludes it.
_LOWER = (
    ("minimum", "exclusiveMinimum"),
    ("minLength", ""),
    ("minItems", ""),
    ("minProperties", ""),
)
_UPPER = (
    ("maximum", "exclusiveMaximum"),
    ("maxLength", ""),
    ("maxItems", ""),
    ("maxProperties", ""),
)

#: Keywords of which any two that differ accept different things.
_EXACT = ("contentEncoding", "format", "multipleOf", "pattern", "uniqueItems")

#: What `narrowed_bounds` and `does_fit` look at.
BOUNDS = frozenset(word for pair in (*_LOWER, *_UPPER) for word in pair if word) | {*_EXACT}

#: What a schema without the bound says all the same: no text is shorter than empty.
_LENGTH_MIN = 0


def narrowed_bounds(old: Schema, new: Schema, where: str) -> Iterator[str]:
    """Each bound of *new* that keeps out what fitted *old*, as a sentence about *where*."""
    for words in _LOWER:
        before, after = _bound(old, words, 1), _bound(new, words, 1)
        if after is not None and (before is None or after > before):
            yield _sentence(old, new, words, where)
    for words in _UPPER:
        before, after = _bound(old, words, -1), _bound(new, words, -1)
        if after is not None and (before is None or after > before):
            yield _sentence(old, new, words, where)
    for word in _EXACT:
        if new.get(word, False) is not False and old.get(word) != new[word]:
            yield _sentence(old, new, (word, ""), where)


def does_fit(value: Any, schema: Schema) -> bool:
    """Whether *value* is within the bounds of *schema*; no, where that cannot be known."""
    if schema.keys() & {"contentEncoding", "format", "multipleOf"}:
        return False
    if isinstance(value, str):
        pattern = schema.get("pattern")
        exact: Schema = {"minLength": len(value), "maxLength": len(value)}
        if pattern is not None and re.search(pattern, value) is None:
            return False
    elif isinstance(value, int | float):
        exact = {"minimum": value, "maximum": value}
    else:
        return not schema.keys() & BOUNDS
    applies = {word: bound for word, bound in schema.items() if word != "pattern"}
    return not list(narrowed_bounds(exact, applies, ""))


def _bound(schema: Schema, words: tuple[str, str], sign: int) -> tuple[float, bool] | None:
    """The bound so that the greater is the narrower, and whether its own value is outside."""
    including, excluding = words
    said = [(sign * schema[including], False)] if including in schema else []
    if excluding in schema:
        said.append((sign * schema[excluding], True))
    if not said and sign > 0 and not excluding:
        return (_LENGTH_MIN, False)
    return max(said, default=None)


def _sentence(old: Schema, new: Schema, words: tuple[str, str], where: str) -> str:
    before = ", ".join(f"{word} {old[word]!r}" for word in words if word in old)
    after = ", ".join(f"{word} {new[word]!r}" for word in words if word in new)
    return f"{where}: is bounded by {after} and was by {before or 'nothing'}"
