"""Whether a payload may still be sent as it was: two revisions of its JSON Schema compared.

A job that was written under the old schema is read under the new one: it may be waiting in a
stream, or its sender may not know of the change. So the new schema must accept all that the
old one accepted, and mean the same by it. Everything else is a break.

The comparison is strict where it cannot know: two patterns that differ, or a keyword that it
does not understand and that is not in both alike, are breaks.
"""

from collections.abc import Iterator
from typing import Any

import orjson

from producers.payloads.bounds import BOUNDS, does_fit, narrowed_bounds
from producers.payloads.schema import KIND, VERSION, Schema

#: Said for people, without meaning for what is accepted.
_ANNOTATIONS = frozenset(
    {"$schema", "$defs", "title", "description", "examples", "deprecated", "default", VERSION}
)

#: Compared by a rule of their own.
_UNDERSTOOD = frozenset(
    {
        *BOUNDS,
        "$ref",
        "anyOf",
        "oneOf",
        "type",
        "enum",
        "const",
        "properties",
        "required",
        "additionalProperties",
        "propertyNames",
        "items",
        KIND,
    }
)

#: What `additionalProperties: false` says as a schema: nothing fits.
_NOTHING: Schema = {"enum": []}


def breaks(old: Schema, new: Schema) -> list[str]:
    """What *new* no longer accepts of what *old* accepted, or takes to mean something else.

    Each says where, and what it was and is. None where every payload may be sent as before.
    """
    found: list[str] = []
    if old.get(KIND) != new.get(KIND):
        found.append(f"the kind was {old.get(KIND)!r} and is {new.get(KIND)!r}")
    return [*found, *_Comparison(old, new).run()]


def is_revised(old: Schema, new: Schema) -> bool:
    """Whether *new* has a higher schema version, so that older workers park what they misread."""
    return int(new.get(VERSION, 1)) > int(old.get(VERSION, 1))


class _Comparison:
    """Walks both schemas side by side; each pair of definitions once, because they may recur."""

    def __init__(self, old: Schema, new: Schema) -> None:
        self._old_root = old
        self._new_root = new
        self._seen: set[tuple[str, str]] = set()

    def run(self) -> list[str]:
        return list(self._schemas(self._old_root, self._new_root, ""))

    def _schemas(self, old: Schema, new: Schema, at: str) -> Iterator[str]:
        choices = _alternatives(new, self._new_root)
        for each in _alternatives(old, self._old_root):
            yield from self._best(each, choices, at)

    def _best(self, old: Schema, choices: list[Schema], at: str) -> list[str]:
        """How *old* is broken by the choice that breaks least of it."""
        alike: list[list[str]] = []
        others: list[list[str]] = []
        for choice in choices:
            seen = set(self._seen)
            found = list(self._pair(old, choice, at))
            if not found:
                return []
            # What was looked at in vain has not been compared for the next choice.
            self._seen = seen
            types = (
                _types(_resolved(old, self._old_root)),
                _types(_resolved(choice, self._new_root)),
            )
            (alike if _are_types_within(*types) else others).append(found)
        return min(alike or others, key=len)

    def _pair(self, old: Schema, new: Schema, at: str) -> Iterator[str]:
        if "$ref" in old or "$ref" in new:
            pair = (_json(old), _json(new))
            if pair in self._seen:
                return
            self._seen.add(pair)
        yield from self._plain(_resolved(old, self._old_root), _resolved(new, self._new_root), at)

    def _plain(self, old: Schema, new: Schema, at: str) -> Iterator[str]:
        where = at or "the payload"
        types = _types(old), _types(new)
        if not _are_types_within(*types):
            yield f"{where}: was {_listed(types[0])} and is {_listed(types[1])}"
            return
        yield from _lost_values(old, new, where)
        yield from _strange(old, new, where)
        yield from self._properties(old, new, at)
        yield from self._rest(old, new, at)
        if "items" in new:
            yield from self._schemas(old.get("items", {}), new["items"], f"{at}[]")
        if "propertyNames" in new:
            names = old.get("propertyNames", {"type": "string"})
            yield from self._schemas(names, new["propertyNames"], f"{where}: its names")

    def _properties(self, old: Schema, new: Schema, at: str) -> Iterator[str]:
        had, has = old.get("properties", {}), new.get("properties", {})
        needed, needs = set(old.get("required", [])), set(new.get("required", []))
        for name in had:
            path = f"{at}.{name}" if at else name
            if name not in has:
                yield f"{path}: was removed"
                continue
            if name in needed or name not in needs:
                yield from _other_default(had[name], has[name], path, was_required=name in needed)
            yield from self._schemas(had[name], has[name], path)
        for name in sorted(needs - needed):
            path = f"{at}.{name}" if at else name
            yield f"{path}: was {'optional' if name in had else 'unknown'} and is required"

    def _rest(self, old: Schema, new: Schema, at: str) -> Iterator[str]:
        """What was accepted under names that *old* did not list."""
        rest = _rest_of(old)
        if rest == _NOTHING or not _may_be(old, "object"):
            return
        has, had = new.get("properties", {}), old.get("properties", {})
        for name in has.keys() - had.keys():
            yield from self._schemas(rest, has[name], f"{at}.{name}" if at else name)
        if _rest_of(new) == _NOTHING:
            yield f"{at or 'the payload'}: names beyond the listed were accepted and are not"
        elif _rest_of(new):
            yield from self._schemas(rest, _rest_of(new), f"{at}.*" if at else "*")


def _resolved(schema: Schema, root: Schema) -> Schema:
    """*schema* with what its reference says; what stands beside the reference wins."""
    while "$ref" in schema:
        name = str(schema["$ref"]).removeprefix("#/$defs/")
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        schema = {**root["$defs"][name], **beside}
    return schema


def _alternatives(schema: Schema, root: Schema) -> list[Schema]:
    """The schemas of which one is to fit, each with what all of them have in common."""
    whole = _resolved(schema, root)
    for keyword in ("anyOf", "oneOf"):
        if keyword in whole:
            common = {key: value for key, value in whole.items() if key != keyword}
            return [
                leaf for each in whole[keyword] for leaf in _alternatives({**common, **each}, root)
            ]
    if isinstance(whole.get("type"), list):
        return [{**whole, "type": each} for each in whole["type"]]
    return [schema]


def _rest_of(schema: Schema) -> Schema:
    rest = schema.get("additionalProperties", True)
    if isinstance(rest, bool):
        return {} if rest else _NOTHING
    return dict(rest)


def _types(schema: Schema) -> frozenset[str]:
    """The types that fit; none where all do."""
    said: Any = schema.get("type", ())
    return frozenset([said] if isinstance(said, str) else said)


def _are_types_within(old: frozenset[str], new: frozenset[str]) -> bool:
    if not new:
        return True
    every = new | {"integer"} if "number" in new else new
    return bool(old) and old <= every


def _may_be(schema: Schema, name: str) -> bool:
    return not _types(schema) or name in _types(schema)


def _listed(types: frozenset[str]) -> str:
    return " or ".join(sorted(types)) or "anything"


def _lost_values(old: Schema, new: Schema, where: str) -> Iterator[str]:
    before, after = _values(old), _values(new)
    if before is None:
        if after is not None:
            yield f"{where}: was open and takes only {', '.join(sorted(after)) or 'nothing'}"
        yield from narrowed_bounds(old, new, where)
        return
    for value in sorted(before):
        if (after is not None and value not in after) or not does_fit(orjson.loads(value), new):
            yield f"{where}: no longer takes {value}"


def _values(schema: Schema) -> set[str] | None:
    """The only values that fit, as JSON; None where they are not listed."""
    if "const" in schema:
        return {_json(schema["const"])}
    return {_json(value) for value in schema["enum"]} if "enum" in schema else None


def _strange(old: Schema, new: Schema, where: str) -> Iterator[str]:
    for keyword in sorted((old.keys() | new.keys()) - _ANNOTATIONS - _UNDERSTOOD):
        if keyword in new and _json(old.get(keyword)) != _json(new[keyword]):
            yield f"{where}: {keyword} was {_said(old, keyword)} and is {_said(new, keyword)}"


def _other_default(old: Schema, new: Schema, where: str, *, was_required: bool) -> Iterator[str]:
    """A field that may be left out means its default, and must go on to mean that."""
    if was_required or _is_same_default(old, new):
        return
    yield f"{where}: its default was {_said(old, 'default')} and is {_said(new, 'default')}"


def _is_same_default(old: Schema, new: Schema) -> bool:
    if ("default" in old) != ("default" in new):
        return False
    before, after = old.get("default"), new.get("default")
    if isinstance(before, dict) and isinstance(after, dict):
        # A field that is new inside brings its own default along, and changes no older one.
        return all(name in after and _json(before[name]) == _json(after[name]) for name in before)
    return _json(before) == _json(after)


def _said(schema: Schema, keyword: str) -> str:
    return _json(schema[keyword]) if keyword in schema else "nothing"


def _json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
