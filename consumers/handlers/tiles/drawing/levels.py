"""Which values of a field get a contour line, and which of these lines are major ones."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, floor, isfinite
from typing import Final

from consumers.handlers.tiles.errors import StyleError

#: So many lines in one cell of a picture would be a grey area, and take long.
LEVELS_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class EveryLevel:
    """`base`, and every `interval` above and below; every `major_every`-th is a major one.

    Counted from `base`, so that a level is a major one in every picture; 0: none is.

    Raises:
        StyleError: the interval is not a positive number, or `major_every` is negative.
    """

    interval: float
    base: float = 0.0
    major_every: int = 5

    def __post_init__(self) -> None:
        if not (isfinite(self.base) and isfinite(self.interval) and self.interval > 0):
            raise StyleError(
                f"contour lines need a base and an interval above 0, got {self.base} "
                f"and {self.interval}"
            )
        if self.major_every < 0:
            raise StyleError(f"major_every counts lines from 0 on, got {self.major_every}")

    def between(self, low: float, high: float) -> Iterator[tuple[float, bool]]:
        """The levels from *low* to *high*, rising, each with whether it is a major one.

        Raises:
            StyleError: there are more than `LEVELS_MAX`.
        """
        first = ceil((low - self.base) / self.interval)
        last = floor((high - self.base) / self.interval)
        if last - first >= LEVELS_MAX:
            raise StyleError(
                f"an interval of {self.interval} between contour lines gives "
                f"{last - first + 1} lines between {low:g} and {high:g}, and {LEVELS_MAX} are "
                "possible: choose a larger one, in the units of the layer"
            )
        for number in range(first, last + 1):
            major = self.major_every > 0 and number % self.major_every == 0
            yield self.base + number * self.interval, major


@dataclass(frozen=True, slots=True)
class ListedLevels:
    """Exactly these levels; those that `majors` names as well are major ones.

    Raises:
        StyleError: there are none or too many, they do not rise, or `majors` names others.
    """

    levels: tuple[float, ...]
    majors: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        rising = list(self.levels) == sorted(set(self.levels))
        if not (rising and all(map(isfinite, self.levels))):
            raise StyleError(f"the levels of contour lines must rise, got {self.levels}")
        if not 1 <= len(self.levels) <= LEVELS_MAX:
            raise StyleError(
                f"1 .. {LEVELS_MAX} levels of contour lines are possible, got {len(self.levels)}"
            )
        if unknown := set(self.majors) - set(self.levels):
            raise StyleError(f"the major levels {sorted(unknown)} are none of {self.levels}")

    def between(self, low: float, high: float) -> Iterator[tuple[float, bool]]:
        """The levels from *low* to *high*, rising, each with whether it is a major one."""
        for level in self.levels:
            if low <= level <= high:
                yield level, level in self.majors


Levels = EveryLevel | ListedLevels
