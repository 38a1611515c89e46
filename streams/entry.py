"""Reads the entries of a ready stream, whoever wrote them."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType

import orjson
from pydantic import JsonValue

from streams.backoff import Backoff, backoff_of
from streams.errors import InvalidJobError
from streams.job import (
    ATTEMPTS_DEFAULT,
    ATTEMPTS_MAX,
    META_BYTES_MAX,
    MS_MAX,
    PAYLOAD_BYTES_MAX,
    SCHEMA_VERSION_MAX,
    Delivery,
    Token,
    require_id,
    require_kind,
)
from streams.priority import LEVELS, Priority

#: Kinds that are remembered as well formed; a worker meets few, and hostile entries many.
KINDS_KEPT = 1000

#: The fields of a job that is as usual.
_ALWAYS = frozenset({b"id", b"kind", b"payload"})
_NOTHING: Mapping[str, JsonValue] = MappingProxyType({})


def derived_id(priority: Priority, entry: str) -> str:
    """The id of a job whose sender gave none: its level and its place."""
    return f"{priority.value}-{entry}"


def decode_entry(token: Token, fields: Sequence[bytes], *, losses: int | None = None) -> Delivery:
    """Read an entry that anybody may have written; *losses* where the record was read too.

    Never raises: what is wrong with the entry stands in `Delivery.flaw`, because a bad
    entry must still be settled, as a dead letter that says so.
    """
    # Of a name that comes twice the last counts: here, in the scripts, and in every client.
    named = dict(zip(fields[::2], fields[1::2], strict=True))
    reader = _FieldReader(named)
    if len(named) == len(_ALWAYS) and named.keys() == _ALWAYS and not losses:
        # Most entries: spared the look for a dozen fields that they do not have.
        plain = Delivery(
            token,
            reader.job_id(token),
            reader.kind(),
            reader.payload(),
            1,
            ATTEMPTS_DEFAULT,
            None,
            int(token.entry.partition("-")[0]),
            0,
            "",
            _NOTHING,
            "",
        )
        return _with_flaws(plain, reader.flaws)
    number = reader.number
    known_losses = number(b"losses", 0, low=0) if losses is None else losses
    decoded = Delivery(
        token=token,
        id=reader.job_id(token),
        kind=reader.kind(),
        payload=reader.payload(),
        attempt=number(b"attempt", 1, low=1),
        attempts_max=number(b"attempts", ATTEMPTS_DEFAULT, low=1, high=ATTEMPTS_MAX),
        timeout_ms=number(b"timeout_ms", 0, low=0) or None,
        enqueued_ms=number(b"enqueued_ms", 0, low=0) or int(token.entry.partition("-")[0]),
        epoch=number(b"epoch", 0, low=0),
        unique=reader.text(b"unique"),
        meta=reader.meta(),
        traceparent=reader.text(b"traceparent"),
        schema_version=number(b"schema_version", 1, low=1, high=SCHEMA_VERSION_MAX),
        losses=known_losses,
        snoozes=number(b"snoozes", 0, low=0),
        expires_ms=number(b"expires_ms", 0, low=0),
        backoff=reader.backoff(),
    )
    return _with_flaws(decoded, reader.flaws)


def _with_flaws(delivery: Delivery, flaws: list[str]) -> Delivery:
    return delivery._replace(flaw="; ".join(flaws)) if flaws else delivery


class _FieldReader:
    """Reads the fields of one entry and collects what is wrong with them."""

    __slots__ = ("_fields", "flaws")

    def __init__(self, fields: Mapping[bytes, bytes]) -> None:
        self._fields = fields
        self.flaws: list[str] = []

    def text(self, name: bytes) -> str:
        value = self._fields.get(name)
        return value.decode(errors="replace") if value else ""

    def job_id(self, token: Token) -> str:
        value = self.text(b"id")
        if value:
            flaw = _flaw_of(require_id, value)
            if not flaw:
                return value
            self.flaws.append(f"id: {flaw}")
        return derived_id(LEVELS[token.level - 1], token.entry)

    def kind(self) -> str:
        value = self._fields.get(b"kind")
        if not value:
            self.flaws.append("the field 'kind' is missing: an entry has 'kind' and 'payload'")
            return ""
        kind, flaw = _kind_of(value)
        if flaw:
            self.flaws.append(f"kind: {flaw}")
        return kind

    def payload(self) -> bytes:
        value = self._fields.get(b"payload")
        if value is None:
            self.flaws.append("the field 'payload' is missing: an entry has 'kind' and 'payload'")
            return b""
        if len(value) > PAYLOAD_BYTES_MAX:
            self.flaws.append(f"payload: may have {PAYLOAD_BYTES_MAX} bytes, got {len(value)}")
        return value

    def number(self, name: bytes, default: int, *, low: int, high: int = MS_MAX) -> int:
        value = self._fields.get(name)
        if not value:
            return default
        # 16 digits hold every allowed number; int() of a megabyte of digits takes seconds.
        if len(value) <= 16 and value.isdigit() and low <= int(value) <= high:  # noqa: PLR2004
            return int(value)
        self.flaws.append(f"{name.decode()}: must be a whole number from {low} to {high}")
        return default

    def backoff(self) -> Backoff | None:
        value = self._fields.get(b"backoff")
        try:
            return backoff_of(value) if value else None
        except InvalidJobError as flaw:
            self.flaws.append(f"backoff: {flaw}")
            return None

    def meta(self) -> Mapping[str, JsonValue]:
        value = self._fields.get(b"meta")
        if not value:
            return _NOTHING
        if len(value) > META_BYTES_MAX:
            self.flaws.append(f"meta: may have {META_BYTES_MAX} bytes, got {len(value)}")
            return _NOTHING
        try:
            parsed = orjson.loads(value)
        except orjson.JSONDecodeError as flaw:
            self.flaws.append(f"meta: not JSON ({flaw})")
            return _NOTHING
        if not isinstance(parsed, dict):
            self.flaws.append("meta: must be a JSON object")
            return _NOTHING
        return parsed


@lru_cache(KINDS_KEPT)
def _kind_of(raw: bytes) -> tuple[str, str]:
    """A kind as text, and what is wrong with it."""
    kind = raw.decode(errors="replace")
    return kind, _flaw_of(require_kind, kind)


def _flaw_of(require: Callable[[str], None], value: str) -> str:
    try:
        require(value)
    except InvalidJobError as flaw:
        return str(flaw)
    return ""
