"""The four levels, and how other ways of naming urgency map to them."""

from enum import StrEnum

#: Lower bounds of the numeric scale 0-255, most urgent first.
_FLOORS = (250, 200, 100, 0)


class Priority(StrEnum):
    """How urgent a job is; each level is a stream of its own."""

    CRITICAL = "critical"
    """Before everything else: somebody is stuck without it."""
    HIGH = "high"
    """Somebody waits for it: a tile on a screen."""
    NORMAL = "normal"
    """Soon wanted: the default, prefetched neighbours."""
    LOW = "low"
    """Whenever there is room: warming, scheduled renders."""

    @property
    def level(self) -> int:
        """1 for the most urgent stream to 4: the number that scripts know."""
        return LEVELS.index(self) + 1

    @classmethod
    def of(cls, value: "Priority | str | int") -> "Priority":
        """The level that *value* names: a level, a word, or a number 0-255.

        250-255 are critical, 200-249 high, 100-199 normal and 0-99 low; the word
        `urgent` means critical.

        Raises:
            ValueError: *value* names no level.
        """
        if isinstance(value, Priority):
            return value
        if isinstance(value, str):
            word = value.strip().lower()
            if word == "urgent":
                return cls.CRITICAL
            if word in LEVELS:
                return cls(word)
        elif 0 <= value <= 255:  # noqa: PLR2004 - the scale's end, named in the docstring
            return next(
                level for level, floor in zip(LEVELS, _FLOORS, strict=True) if value >= floor
            )
        raise ValueError(
            f"a priority is critical, high, normal, low or a number 0-255, got {value!r}"
        )


#: All levels, most urgent first.
LEVELS = (Priority.CRITICAL, Priority.HIGH, Priority.NORMAL, Priority.LOW)
