"""A job on its way in (`NewJob`) and in a consumer's hands (`Delivery`).

What every delivery makes is a named tuple: a frozen dataclass takes four times as long.
"""

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import orjson
from pydantic import JsonValue

from streams.backoff import Backoff
from streams.errors import InvalidJobError
from streams.priority import Priority

#: A larger payload belongs into an object store, with its name in the job.
PAYLOAD_BYTES_MAX = 1024 * 1024
#: `meta` travels with every delivery and into every dead letter.
META_BYTES_MAX = 16 * 1024
#: Runs of a handler before a job is dead, where nobody says otherwise.
ATTEMPTS_DEFAULT = 3
ATTEMPTS_MAX = 1000
#: Far more revisions of a payload than anybody makes.
SCHEMA_VERSION_MAX = 1_000_000
#: Characters of a tenant in an event; a longer one is cut.
TENANT_CHARS_MAX = 200
#: A job that cost so many consumers their life is a suspect: it runs alone from then on.
SUSPECT_LOSSES = 2
#: A suspect that killed so many processes of its own is dead. `_lose.lua` has the same three.
SOLO_LOSSES_MAX = 2
#: The same where whole workers were lost while they ran it alone: kills and freezes by
#: others look like that too, and must not cost healthy jobs their life.
ALONE_LOSSES_MAX = 8
#: The longest time and the last moment; Lua and JSON keep no larger number exact.
MS_MAX = 2**53

_ID = re.compile(r"[!-~]{1,200}\Z")
#: Longer than an id, because a unique key may name a picture with all its coordinates.
_UNIQUE = re.compile(r"[!-~]{1,512}\Z")
_TIMES = ("delay_ms", "due_ms", "expires_in_ms", "expires_ms", "unique_ttl_ms")
_KIND = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,99}\Z")


def new_id() -> str:
    """A random id: 128 bits in hexadecimal digits, as many as a UUID's.

    Not one to keep secret: the system's own randomness takes more than twice as long. A forked
    process begins anew.
    """
    return f"{random.getrandbits(128):032x}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A job that is about to be sent.

    `delay_ms` counts on the server's clock from its arrival; `due_ms` is a moment in
    Unix milliseconds; at most one of them. So it is with `expires_in_ms` and `expires_ms`,
    the time by which its first attempt has to begin. `unique` names a slot that only one
    live job may hold; with `unique_ttl_ms` the slot opens by itself after that time.
    """

    kind: str
    payload: bytes
    id: str = field(default_factory=new_id)
    priority: Priority = Priority.NORMAL
    delay_ms: int = 0
    due_ms: int = 0
    expires_in_ms: int = 0
    expires_ms: int = 0
    attempts_max: int = ATTEMPTS_DEFAULT
    backoff: Backoff | None = None
    timeout_ms: int | None = None
    unique: str | None = None
    unique_ttl_ms: int = 0
    meta: Mapping[str, JsonValue] | None = None
    traceparent: str | None = None
    schema_version: int = 1

    def __post_init__(self) -> None:
        require_kind(self.kind)
        require_id(self.id)
        if self.unique is not None and not _UNIQUE.match(self.unique):
            raise InvalidJobError(
                "a unique key has 1 to 512 printable ASCII characters and no spaces, "
                f"got {self.unique!r:.120}"
            )
        if len(self.payload) > PAYLOAD_BYTES_MAX:
            raise InvalidJobError(
                f"a payload may have {PAYLOAD_BYTES_MAX} bytes, got {len(self.payload)}: put "
                "the data into an object store and its name into the payload"
            )
        if self.traceparent and not _ID.match(self.traceparent):
            raise InvalidJobError(
                "a traceparent has up to 200 printable ASCII characters and no spaces, "
                f"got {self.traceparent!r:.120}"
            )
        self._require_numbers()
        self.meta_json()

    def _require_numbers(self) -> None:
        if not 1 <= self.attempts_max <= ATTEMPTS_MAX:
            raise InvalidJobError(f"attempts is 1 to {ATTEMPTS_MAX}, got {self.attempts_max}")
        if self.timeout_ms is not None and not 1 <= self.timeout_ms <= MS_MAX:
            raise InvalidJobError(f"timeout_ms is 1 to {MS_MAX}, got {self.timeout_ms}")
        if not 1 <= self.schema_version <= SCHEMA_VERSION_MAX:
            raise InvalidJobError(
                f"schema_version is 1 to {SCHEMA_VERSION_MAX}, got {self.schema_version}"
            )
        if (
            self.delay_ms
            or self.due_ms
            or self.expires_in_ms
            or self.expires_ms
            or self.unique_ttl_ms
        ):
            self._require_times()

    def _require_times(self) -> None:
        for name in _TIMES:
            if not 0 <= (number := getattr(self, name)) <= MS_MAX:
                raise InvalidJobError(f"{name} is 0 to {MS_MAX}, got {number}")
        if self.delay_ms and self.due_ms:
            raise InvalidJobError("a job waits for a delay or until a moment, not both")
        if self.expires_in_ms and self.expires_ms:
            raise InvalidJobError("a job expires after a time or at a moment, not both")
        for due, expiry in (("delay_ms", "expires_in_ms"), ("due_ms", "expires_ms")):
            due_ms, expiry_ms = getattr(self, due), getattr(self, expiry)
            if expiry_ms and due_ms >= expiry_ms:
                raise InvalidJobError(
                    f"{expiry} is {expiry_ms} and {due} {due_ms}: a job that expires before its "
                    "time has come would never run"
                )

    def meta_json(self) -> bytes:
        """`meta` as JSON, empty where there is none.

        Raises:
            InvalidJobError: it is no JSON, or larger than `META_BYTES_MAX`.
        """
        if not self.meta:
            return b""
        try:
            packed = orjson.dumps(self.meta)
        except TypeError as error:
            raise InvalidJobError(f"meta is no JSON object: {error}") from error
        if len(packed) > META_BYTES_MAX:
            raise InvalidJobError(f"meta may have {META_BYTES_MAX} bytes, got {len(packed)}")
        return packed


class Token(NamedTuple):
    """What proves that a delivery is still its consumer's.

    No two deliveries share one: a consumer's name is never used again, every new place
    is a new entry, and every claim raises the count. The server checks all three.
    """

    level: int
    entry: str
    consumer: str
    deliveries: int

    def __str__(self) -> str:
        return f"{self.entry}|{self.consumer}|{self.deliveries}"


class Delivery(NamedTuple):
    """One entry, handed to one consumer; `flaw` says why it cannot be run, if so."""

    token: Token
    id: str
    kind: str
    payload: bytes
    attempt: int
    attempts_max: int
    timeout_ms: int | None
    enqueued_ms: int
    epoch: int
    unique: str
    meta: Mapping[str, JsonValue]
    traceparent: str
    schema_version: int = 1
    flaw: str = ""
    losses: int = 0
    """Consumers that were lost with this job, as far as its entry tells; a claim tells all."""
    snoozes: int = 0
    """How often its handler has put it off without being charged an attempt."""
    expires_ms: int = 0
    """When its first attempt has to have begun, in Unix milliseconds; 0: it never expires."""
    backoff: Backoff | None = None
    """When to try it again, where it does not leave that to its handler's policy."""

    def is_expired(self, server_ms: int) -> bool:
        """True where it is too late for its first attempt; *server_ms* is the server's clock."""
        is_first = self.attempt == 1 and not self.snoozes
        return bool(self.expires_ms) and is_first and self.expires_ms <= server_ms

    @property
    def suspect(self) -> bool:
        """True where this job must run alone: it may be what killed its consumers."""
        return self.losses >= SUSPECT_LOSSES

    @property
    def fence(self) -> int:
        """A number that grows with every delivery of this job, over retries too."""
        return self.epoch << 16 | min(self.token.deliveries, 0xFFFF)


def tenant_of(meta: Mapping[str, JsonValue] | None) -> str:
    """Whose job it is, as its `tenant_id` says; empty where it says nothing."""
    tenant = meta.get("tenant_id") if meta else None
    is_name = isinstance(tenant, str | int) and not isinstance(tenant, bool)
    return str(tenant)[:TENANT_CHARS_MAX] if is_name else ""


def require_id(value: str) -> None:
    """Refuse an id that would not be safe in a key or on a terminal.

    Raises:
        InvalidJobError: not 1 to 200 printable ASCII characters without spaces.
    """
    if not _ID.match(value):
        raise InvalidJobError(
            f"a job id has 1 to 200 printable ASCII characters and no spaces, got {value!r:.120}"
        )


def require_kind(value: str) -> None:
    """Refuse a kind that is no name.

    Raises:
        InvalidJobError: not a letter followed by up to 99 letters, digits, `_`, `.`, `-`.
    """
    if not _KIND.match(value):
        raise InvalidJobError(
            "a kind starts with a letter and has up to 100 letters, digits, _, . and -, "
            f"got {value!r:.120}"
        )
