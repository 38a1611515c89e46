"""The index beside a GRIB file: where each message starts, and what it holds.

One line a message, as wgrib2 writes it and NOAA publishes it:

    4:1242:d=2026112806:TMP:2 m above ground:3 hour fcst:
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import groupby
from typing import Final, NamedTuple

from consumers.handlers.tiles.dataerrors import LISTED_MAX, FetchError
from consumers.handlers.tiles.names import level_name

#: The largest index that is read; those of NOAA have 60 kB.
INDEX_BYTES_MAX: Final = 4 * 1024 * 1024

#: Number, start, run, parameter and level; what follows says more of the time.
_FIELDS_MIN: Final = 5

_NUMBER = r"(\d+(?:\.\d+)?)"
_SPAN = rf"{_NUMBER}(?:-{_NUMBER})?"

#: What wgrib2 writes, as ecCodes' kind of level, and the unit in SI units.
_MEASURED: Final[Mapping[re.Pattern[str], tuple[str, float]]] = {
    re.compile(rf"{_SPAN} m above ground"): ("heightAboveGroundLayer", 1),
    re.compile(rf"{_SPAN} m above mean sea level"): ("heightAboveSea", 1),
    re.compile(rf"{_SPAN} m below ground"): ("depthBelowLandLayer", 1),
    re.compile(rf"{_SPAN} mb"): ("isobaricInhPa", 100),
}

_PLAIN: Final[Mapping[str, str]] = {
    "entire atmosphere": "atmosphere",
    "entire atmosphere (considered as a single layer)": "atmosphere",
    "mean sea level": "meanSea",
}


class Message(NamedTuple):
    """A message: its first byte, its last one (None: that of the file), and its names."""

    first: int
    last: int | None
    parameter: str
    level: str


class Wish(NamedTuple):
    """What messages are wanted; `*` and `?` stand for letters."""

    parameter: str
    level: str

    @classmethod
    def parse(cls, text: str) -> "Wish":
        """The wish of `TMP:2m`.

        Raises:
            ValueError: it is none.
        """
        parameter, _, level = text.strip().partition(":")
        if not parameter or not level or ":" in level:
            raise ValueError(f"{text!r} is no parameter and level: expected such as TMP:2m")
        return cls(parameter, level)

    def wants(self, message: Message) -> bool:
        """Whether *message* is one of them."""
        return fnmatchcase(message.parameter, self.parameter) and fnmatchcase(
            message.level, self.level
        )


def parse_index(text: str) -> list[Message]:
    """The messages of an index, in the order of the file.

    Fields that share a message (the two components of a wind) have the same bytes.

    Raises:
        FetchError: a line is none of an index, or a message starts before the one above it.
    """
    rows = [_row(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    starts = [start for start, _ in groupby(row[0] for row in rows)]
    if not starts or starts != sorted(set(starts)):
        raise FetchError("the index names no messages, or not in their order: it is not whole")
    ends = dict(zip(starts, [*(start - 1 for start in starts[1:]), None], strict=True))
    return [Message(start, ends[start], parameter, level) for start, parameter, level in rows]


def wanted_spans(
    messages: Sequence[Message], wishes: Iterable[Wish]
) -> list[tuple[int, int | None]]:
    """First and last bytes of what *wishes* name; messages side by side are one span.

    Raises:
        FetchError: a wish names nothing of the index.
    """
    chosen: dict[int, int | None] = {}
    for wish in wishes:
        found = [message for message in messages if wish.wants(message)]
        if not found:
            raise FetchError(_nothing(wish, messages))
        chosen |= {message.first: message.last for message in found}
    spans: list[tuple[int, int | None]] = []
    for first, last in sorted(chosen.items()):
        begins = spans.pop()[0] if spans and spans[-1][1] == first - 1 else first
        spans.append((begins, last))
    return spans


def _row(number: int, line: str) -> tuple[int, str, str]:
    parts = line.split(":")
    if len(parts) < _FIELDS_MIN or not parts[1].isdecimal():
        raise FetchError(
            f"line {number} of the index is {line[:80]!r}: expected such as "
            "'4:1242:d=2026112806:TMP:2 m above ground:3 hour fcst:'"
        )
    return int(parts[1]), parts[3], _level(parts[4])


def _level(text: str) -> str:
    for pattern, (kind, unit) in _MEASURED.items():
        if (match := pattern.fullmatch(text)) is not None:
            surfaces = [float(each) * unit for each in match.groups() if each is not None]
            return level_name(kind, surfaces[0], surfaces)
    return level_name(_PLAIN.get(text, text), 0.0, ())


def _nothing(wish: Wish, messages: Sequence[Message]) -> str:
    same = (each.level for each in messages if fnmatchcase(each.parameter, wish.parameter))
    levels = list(dict.fromkeys(same))
    listed = ", ".join(levels[:LISTED_MAX]) + (", and more" if len(levels) > LISTED_MAX else "")
    hint = f"{wish.parameter} is there at {listed}" if levels else "no level of it is there"
    return f"the index has no {wish.parameter}:{wish.level}: {hint}"
