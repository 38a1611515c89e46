"""The styles that come with the renderer.

Values are in the units of the grids: kelvin, pascal, metres per second, kilograms per
square metre (millimetres). Ranges are absolute: a colour means the same value in every
tile, run and season.
"""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from consumers.handlers.tiles.errors import UnknownStyle
from consumers.handlers.tiles.style import Stop, Style

_FREEZING_K: Final = 273.15


def _celsius(*stops: tuple[float, str]) -> tuple[Stop, ...]:
    return tuple(Stop(_FREEZING_K + degrees, colour) for degrees, colour in stops)


def _hectopascal(*stops: tuple[float, str]) -> tuple[Stop, ...]:
    return tuple(Stop(100 * pressure, colour) for pressure, colour in stops)


def _plain(*stops: tuple[float, str]) -> tuple[Stop, ...]:
    return tuple(Stop(value, colour) for value, colour in stops)


#: Violet and blue below freezing, palest at 0 C, green to yellow to dark red above.
TEMPERATURE: Final = Style(
    "temperature",
    _celsius(
        (-60, "#1f1147"),
        (-45, "#50308f"),
        (-30, "#3563c4"),
        (-20, "#3c93d8"),
        (-10, "#79c1e6"),
        (0, "#cdeaee"),
        (8, "#8ccc95"),
        (15, "#d5df75"),
        (20, "#fad64e"),
        (25, "#f8a83c"),
        (30, "#ec6d31"),
        (35, "#d0372f"),
        (40, "#9f1230"),
        (50, "#560522"),
    ),
)

#: Violet lows, brown highs, pale at the mean pressure of the sea level.
PRESSURE: Final = Style(
    "pressure",
    _hectopascal(
        (940, "#2e1250"),
        (960, "#4b359a"),
        (980, "#4a79c4"),
        (995, "#83b8d8"),
        (1005, "#c4dfe4"),
        (1013.25, "#f6f2e4"),
        (1020, "#f1d596"),
        (1030, "#e2a04f"),
        (1042, "#bb622b"),
        (1060, "#7a2d16"),
    ),
)

#: Beaufort's steps: pale up to a breeze, yellow for a gale, red to violet for a storm.
WIND_SPEED: Final = Style(
    "wind_speed",
    _plain(
        (0, "#f3f7f9"),
        (2, "#d8e9f1"),
        (5, "#a3d0e0"),
        (8, "#62b5bd"),
        (11, "#57ae7a"),
        (14, "#a5c94f"),
        (17, "#f2dc4c"),
        (21, "#f5a53d"),
        (25, "#e76133"),
        (29, "#c5294c"),
        (33, "#97207a"),
        (45, "#5a1a86"),
        (70, "#25104f"),
    ),
)

#: Nothing below 0.05 mm, then fading in; blue for rain, yellow to violet for too much of it.
PRECIPITATION: Final = Style(
    "precipitation",
    _plain(
        (0.05, "#cfe6f400"),
        (0.5, "#a5d1efd0"),
        (1, "#72b4e6"),
        (2.5, "#3d8bd8"),
        (5, "#2760bd"),
        (10, "#2b9a72"),
        (20, "#8fc44d"),
        (30, "#f4df46"),
        (45, "#f59d35"),
        (65, "#e2492f"),
        (100, "#ae1b5d"),
        (150, "#6b1d86"),
        (250, "#2c0f4a"),
    ),
    below="#00000000",
)

#: Viridis by Smith and van der Walt, over the range of the layer.
DEFAULT: Final = Style(
    "default",
    _plain(
        (0 / 9, "#440154"),
        (1 / 9, "#482878"),
        (2 / 9, "#3e4a89"),
        (3 / 9, "#31688e"),
        (4 / 9, "#26838f"),
        (5 / 9, "#1f9e89"),
        (6 / 9, "#36b779"),
        (7 / 9, "#6ece58"),
        (8 / 9, "#b5de2c"),
        (9 / 9, "#fde725"),
    ),
    relative=True,
)

#: All styles by name.
STYLES: Final[Mapping[str, Style]] = MappingProxyType(
    {style.name: style for style in (DEFAULT, PRECIPITATION, PRESSURE, TEMPERATURE, WIND_SPEED)}
)


@lru_cache(maxsize=256)
def find_style(name: str, value_range: tuple[float, float] | None) -> Style:
    """The style *name* for a layer whose values lie in *value_range*, ready to draw with.

    *value_range* is the smallest and the largest value of the layer's run, None where it
    is unknown; only relative styles look at it. Remembered, because a style's tables take
    longer to make than a tile.

    Raises:
        UnknownStyle: there is none of that name.
        StyleError: the style needs a range and there is none.
    """
    if name not in STYLES:
        raise UnknownStyle(name, STYLES)
    return STYLES[name].over(value_range)
