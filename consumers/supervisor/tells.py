"""What a worker tells its supervisor: one JSON object a line over a pipe.

`hello` once, before it takes a job; `run` before each handler starts, or a handler that
holds the interpreter's lock from its first line on would be a secret; `beat` with every
renewal; `bye` at the end. Times are those of the monotonic clock where nothing else is
said; all processes of a machine share it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

#: A line up to this size goes into a pipe whole or not at all (PIPE_BUF on Linux).
LINE_BYTES_MAX = 4_096
#: Kinds that a beat names, and letters of each.
KINDS_MAX, KIND_CHARS_MAX = 16, 64
_UNREADY_CHARS_MAX = 500


@dataclass(frozen=True, slots=True)
class Hello:
    """The worker exists; *info* is how it stands in the registry of consumers."""

    consumer: str
    info: str


@dataclass(frozen=True, slots=True)
class Run:
    """A handler is about to start and may run until *until_s*."""

    kind: str
    until_s: float


@dataclass(frozen=True, slots=True)
class Beat:
    """The worker is alive; replaces what was told about running handlers before."""

    until_s: float
    """The longest deadline of what is in hand; 0 where nothing is."""
    kinds: tuple[str, ...]
    stalled_s: float
    """Since the event loop turned last."""
    renewed_s: float
    """When its last good renewal was sent, on the clock of `boot_s`."""
    unready: str
    """Why it cannot take jobs; empty where it can."""
    metrics_port: int
    """Where it serves its metrics; 0 where it does not."""


@dataclass(frozen=True, slots=True)
class Bye:
    """The worker has nothing in hand any more and is about to end: it says no more."""


Tell = Hello | Run | Beat | Bye
_TELLS: dict[str, type[Tell]] = {"hello": Hello, "run": Run, "beat": Beat, "bye": Bye}


def encode(tell: Tell) -> bytes:
    """One line."""
    return orjson.dumps({"tell": type(tell).__name__.lower(), **_fields(tell)}) + b"\n"


def _fields(tell: Tell) -> dict[str, Any]:
    match tell:
        case Hello(consumer, info):
            return {"consumer": consumer, "info": info}
        case Bye():
            return {}
        case Run(kind, until_s):
            return {"kind": kind[:KIND_CHARS_MAX], "until_s": until_s}
        case Beat():
            return {
                "until_s": tell.until_s,
                "kinds": [kind[:KIND_CHARS_MAX] for kind in tell.kinds[:KINDS_MAX]],
                "stalled_s": tell.stalled_s,
                "renewed_s": tell.renewed_s,
                "unready": tell.unready[:_UNREADY_CHARS_MAX],
                "metrics_port": tell.metrics_port,
            }


class TellReader:
    """Lines out of the chunks of a pipe; what cannot be read is passed over."""

    #: A line that does not end is none.
    BYTES_MAX = 65_536

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> Iterator[Tell]:
        """What was told up to the end of *chunk*."""
        *lines, rest = (self._rest + chunk).split(b"\n")
        self._rest = rest if len(rest) <= self.BYTES_MAX else b""
        for line in lines:
            tell = _decoded(line)
            if tell is not None:
                yield tell


def _decoded(line: bytes) -> Tell | None:
    try:
        fields: Any = orjson.loads(line)
        if "kinds" in fields:
            fields["kinds"] = tuple(fields["kinds"])
        return _TELLS[fields.pop("tell")](**fields)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
