"""What the gateway is told of the layers that there are.

It lives with those who ask for work and knows no catalog: whoever starts it brings these
values along.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches

from producers.gateway.errors import NotHere


@dataclass(frozen=True, slots=True)
class MapTick:
    """What stands at a *place* of a legend, 0 at its left and 1 at its right end."""

    value: float
    place: float
    text: str


@dataclass(frozen=True, slots=True)
class MapStyle:
    """A way to colour a layer, with its legend.

    `version` is part of the names of its tiles in the cache (see `producers.tilekey`).
    `ticks` are values in `units`, rising. `ramp` are the legend's colours from left to right,
    each as wide as the others, `#rrggbb` or `#rrggbbaa`. Both are those of the lowest layer
    of the style that has colours for values; styles that only draw lines have neither.
    """

    name: str
    version: str
    ticks: tuple[MapTick, ...]
    ramp: tuple[str, ...]
    units: str = ""


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

    def style(self, name: str) -> MapStyle | None:
        """The style *name*, None where the layer has none of that name."""
        return next((style for style in self.styles if style.name == name), None)


#: Asks for all layers there are, in the order in which the map offers them.
FindLayers = Callable[[], Awaitable[Sequence[MapLayer]]]

#: Draws the legend of a layer's style as PNG; both exist.
DrawLegend = Callable[[str, str], Awaitable[bytes]]


def named_style(layers: Sequence[MapLayer], layer: str, style: str) -> tuple[MapLayer, MapStyle]:
    """The layer and the style of these names.

    Raises:
        NotHere: there is no such layer, or it has no such style.
    """
    by_name = {each.name: each for each in layers}
    if layer not in by_name:
        close = get_close_matches(layer, by_name, n=1)
        hint = f"did you mean '{close[0]}'?" if close else f"there are {', '.join(by_name)}"
        raise NotHere(f"there is no layer '{layer[:96]}': {hint}")
    found = by_name[layer]
    shown = found.style(style)
    if shown is None:
        styles = ", ".join(each.name for each in found.styles)
        raise NotHere(f"the layer '{layer}' has no style '{style[:96]}': there are {styles}")
    return found, shown
