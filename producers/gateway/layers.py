"""What the gateway is told of the layers that there are.

It lives with those who ask for work and knows no catalog: whoever starts it brings these
values along.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class MapStyle:
    """A way to colour a layer, with its legend.

    `ticks` are values in the units of the layer, at equal distances over the legend.
    `ramp` are its colours from left to right, `#rrggbb` or `#rrggbbaa`.
    """

    name: str
    ticks: tuple[float, ...]
    ramp: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MapLayer:
    """A layer as the map shows it.

    `times` are those that its tiles can describe, rising; `time` is the one of them to
    begin with. `styles` has the one that fits best first. `value_range` is the smallest
    and the largest value in `units`, None where all are missing. `bounds` are south, west,
    north and east in degrees, None for a layer of the whole earth.
    """

    name: str
    title: str
    units: str
    time: datetime
    times: tuple[datetime, ...]
    reference_time: datetime
    value_range: tuple[float, float] | None
    styles: tuple[MapStyle, ...]
    bounds: tuple[float, float, float, float] | None = None

    def has_style(self, name: str) -> bool:
        """Whether *name* is one of the layer's styles."""
        return any(style.name == name for style in self.styles)


#: Asks for all layers there are, in the order in which the map offers them.
FindLayers = Callable[[], Awaitable[Sequence[MapLayer]]]
