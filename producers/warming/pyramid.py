"""Which tiles of a layer are meant: some levels of an area."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Self

from producers.tilearea import Area
from producers.tilegrid import ZOOM_MAX, Tile

#: The form of a pyramid in a line of text.
_FORM: Final = re.compile(r"(?P<first>\d{1,2})(?:-(?P<last>\d{1,2}))?(?::(?P<area>[-+.,\de]+))?")

#: Web Mercator, all around.
_EARTH: Final = Area("EPSG:3857")


@dataclass(frozen=True, slots=True)
class Pyramid:
    """The tiles of *area* on the levels *min_zoom* .. *max_zoom*.

    Raises:
        ValueError: the levels are not 0 .. `ZOOM_MAX` in this order.
    """

    max_zoom: int
    min_zoom: int = 0
    area: Area = _EARTH

    def __post_init__(self) -> None:
        if not 0 <= self.min_zoom <= self.max_zoom <= ZOOM_MAX:
            raise ValueError(
                f"zoom levels are 0 .. {ZOOM_MAX}, got {self.min_zoom} .. {self.max_zoom}"
            )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `5`, `0-5`, or `0-5:west,south,east,north` with degrees, of Web Mercator.

        Raises:
            ValueError: it has another form, or names levels or degrees that there are not.
        """
        found = _FORM.fullmatch(text)
        if found is None:
            raise ValueError(
                "levels and their area are written like 0-5 or 0-5:west,south,east,north, "
                f"got {text!r:.80}"
            )
        first, last = int(found["first"]), int(found["last"] or found["first"])
        if found["area"] is None:
            return cls(last, first)
        return cls(last, first, Area.of_degrees(*degrees(found["area"])))

    @property
    def crs(self) -> str:
        """The coordinate system of its tiles."""
        return self.area.crs

    @property
    def count(self) -> int:
        """How many tiles it has: 341 of the levels 0 .. 4 of the whole world."""
        return sum(self.counts().values())

    def counts(self) -> Mapping[int, int]:
        """How many tiles it has on each level."""
        return {z: self.area.count(z) for z in range(self.min_zoom, self.max_zoom + 1)}

    def tiles(self) -> Iterator[Tile]:
        """Its tiles, the coarse ones first; made one at a time."""
        for z in range(self.min_zoom, self.max_zoom + 1):
            yield from self.area.tiles(z)


def degrees(text: str) -> tuple[float, float, float, float]:
    """West, south, east and north out of `west,south,east,north`.

    Raises:
        ValueError: these are not four numbers.
    """
    try:
        west, south, east, north = map(float, text.split(","))
    except ValueError:
        raise ValueError(
            f"an area is written like west,south,east,north in degrees, got {text!r:.80}"
        ) from None
    return west, south, east, north
