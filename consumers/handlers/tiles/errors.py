"""What can be wrong with a tile job or with the data under it.

PermanentError (consumers.errors)
└── TileError                anything below; no retry can help
    ├── UnknownNameError     the job names something that does not exist here
    │   └── UnknownStyle
    ├── UnknownCrs           PROJ knows no such coordinate system
    ├── UnfitCrsError        no picture can be drawn in the coordinate system
    ├── OutOfAreaError       the picture lies far outside of its coordinate system's area
    ├── StyleError           a style cannot colour this layer
    └── GridError            a grid contradicts itself
"""

from collections.abc import Iterable
from difflib import get_close_matches

from consumers.errors import PermanentError


class TileError(PermanentError):
    """Base of everything that makes a tile impossible."""


class UnknownNameError(TileError):
    """Base of errors that name what was asked for and what exists.

    Attributes:
        name: what the job asked for.
        known: what exists, sorted.
    """

    #: What the message calls the missing thing.
    noun = "name"

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name = name
        self.known = sorted(known)
        close = get_close_matches(name, self.known, n=1)
        hint = f"did you mean '{close[0]}'? " if close else ""
        super().__init__(
            f"the {self.noun} '{name}' is unknown: {hint}there are {', '.join(self.known)}"
        )


class UnknownStyle(UnknownNameError):  # noqa: N818 - reads better where it is raised
    """Raised when no style has the name."""

    noun = "style"


class UnknownCrs(TileError):  # noqa: N818 - reads better where it is raised
    """Raised when PROJ knows no coordinate system of that code, or cannot read its WKT."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            f"the coordinate system {name[:80]!r} is unknown: expected a code that PROJ knows, "
            "such as EPSG:3857, EPSG:4326, CRS:84 or EPSG:3413, or a system written as WKT"
        )


class UnfitCrsError(TileError):
    """Raised when a coordinate system has no two axes to the east and to the north."""

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        super().__init__(
            f"no picture can be drawn in {name[:80]}: {reason}; ask for a projected or a "
            "longitude/latitude system with axes to the east and to the north"
        )


class OutOfAreaError(TileError):
    """Raised when a picture lies, or reaches, far outside of its coordinate system's area."""


class StyleError(TileError):
    """Raised when a style contradicts itself or has no range for the layer."""


class GridError(TileError):
    """Raised when the description of a grid contradicts itself."""
