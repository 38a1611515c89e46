"""How long a job waits between two attempts, as its entry may say."""

import math
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

import orjson

from streams.errors import InvalidJobError

#: The longest wait: a job that is tried again later than that is another job.
WAIT_MAX = timedelta(days=30)
#: A step that grows faster has reached its cap at once.
FACTOR_MAX = 1000.0
#: Far more than the four numbers need.
TEXT_BYTES_MAX = 200

_NAMES = ("first_ms", "factor", "cap_ms", "jitter")


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff: a first wait, what each further one grows by, a cap, and jitter.

    `jitter` is how large a part of each wait is left to chance: 0 none of it, 1 all.

    Raises:
        InvalidJobError: a wait, a factor or a jitter out of its range.
    """

    first: timedelta = timedelta(seconds=4)
    factor: float = 2.0
    cap: timedelta = timedelta(minutes=10)
    jitter: float = 0.5

    def __post_init__(self) -> None:
        for name, wait in (("first", self.first), ("cap", self.cap)):
            if not timedelta(0) <= wait <= WAIT_MAX:
                raise InvalidJobError(f"{name} of a backoff is 0 to 30 days, got {wait}")
        if not 1 <= self.factor <= FACTOR_MAX:
            raise InvalidJobError(f"factor of a backoff is 1 to {FACTOR_MAX:g}, got {self.factor}")
        if not 0 <= self.jitter <= 1:
            raise InvalidJobError(f"jitter of a backoff is 0 to 1, got {self.jitter}")

    def to_json(self) -> bytes:
        """As the field `backoff` of an entry."""
        numbers = (_ms(self.first), float(self.factor), _ms(self.cap), float(self.jitter))
        return orjson.dumps(dict(zip(_NAMES, numbers, strict=True)))


@lru_cache(1000)
def backoff_of(text: bytes) -> Backoff:
    """Read the field `backoff`, whoever wrote it; a name that is left out has its default.

    Raises:
        InvalidJobError: it is no JSON object of the four numbers, or one is out of its range.
    """
    said, default = _numbers(text), Backoff()
    return Backoff(
        first=_wait(said.get("first_ms"), default.first),
        factor=said.get("factor", default.factor),
        cap=_wait(said.get("cap_ms"), default.cap),
        jitter=said.get("jitter", default.jitter),
    )


def _numbers(text: bytes) -> dict[str, float]:
    if len(text) > TEXT_BYTES_MAX:
        raise InvalidJobError(f"a backoff may have {TEXT_BYTES_MAX} bytes, got {len(text)}")
    try:
        said = orjson.loads(text)
    except orjson.JSONDecodeError as flaw:
        raise InvalidJobError(f"a backoff is a JSON object ({flaw})") from None
    if not isinstance(said, dict) or not said.keys() <= set(_NAMES):
        raise InvalidJobError(f"a backoff is a JSON object with some of {', '.join(_NAMES)}")
    for name, value in said.items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not math.isfinite(value):
            raise InvalidJobError(f"{name} of a backoff is a number, got {value!r:.40}")
    return said


def _wait(number_ms: float | None, default: timedelta) -> timedelta:
    if number_ms is None:
        return default
    # What is out of its range stays so; what is far out is no time that Python knows.
    return timedelta(milliseconds=min(max(-1, number_ms), _ms(WAIT_MAX) + 1))


def _ms(wait: timedelta) -> int:
    return round(wait.total_seconds() * 1000)
