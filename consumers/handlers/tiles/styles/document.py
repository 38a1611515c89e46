"""The kinds of styles, as their files are written (see docs/styles.md).

All numbers are in the units that `transform` leads to; without one, in those of the grid.
A value that equals a stop or a level belongs to what lies above it.
"""

from itertools import pairwise
from typing import Annotated, Final, Literal, Self

from pydantic import Field, StringConstraints, TypeAdapter, field_validator, model_validator

from consumers.handlers.tiles.styles.palettes import named_palette
from consumers.handlers.tiles.styles.parts import (
    Colour,
    Number,
    Part,
    Pixels,
    Stop,
    Text,
    TransformPart,
    Units,
    american,
)
from producers.payloads.fields.name import Name

#: Stops of a style: a picture with a palette has at most 254 bands.
STOPS_MAX: Final = 200
#: Layers of a composite. Each is drawn in full.
LAYERS_MAX: Final = 8

#: A parameter and a level, such as `PRMSL_msl`: a layer of the same model.
_RELATED = r"^[A-Za-z][A-Za-z0-9.\-]*_[A-Za-z0-9][A-Za-z0-9.\-]*$"
#: What `data` can tell apart: three bytes.
CODES: Final = 1 << 24

TRANSPARENT: Final = "#00000000"

#: The colour of lines and signs that say none.
INK: Final = "#1b2733"


class StyleBase(Part):
    """What every style may say: how it is called, and which parameters it is made for."""

    title: Text = ""
    about: Text = ""
    fits: Annotated[tuple[Name, ...], Field(max_length=32)] = ()
    units: Text = ""
    transform: Units = TransformPart()

    @property
    def shown_units(self) -> str:
        """What the units of its numbers are called."""
        return self.units or self.transform.units


class Coloured(StyleBase):
    """What a style says that gives every value a colour.

    Either *stops*, or a named *palette* or *colours* at equal distances over a *range*. The
    range `"layer"` is that of the layer's run; *stops* are then shares of it, 0 .. 1.
    *under* and *over* are the colours below the first and from the last value on.
    """

    stops: Annotated[tuple[Stop, ...], Field(max_length=STOPS_MAX)] = ()
    colours: Annotated[tuple[Colour, ...], Field(max_length=STOPS_MAX), american("colours")] = ()
    palette: Text = ""
    range: tuple[Number, Number] | Literal["layer"] | None = None
    under: Colour | None = None
    over: Colour | None = None
    missing: Colour = TRANSPARENT

    @field_validator("palette")
    @classmethod
    def _is_known(cls, palette: str) -> str:
        if palette:
            named_palette(palette)
        return palette

    @field_validator("stops")
    @classmethod
    def _rise(cls, stops: tuple[Stop, ...]) -> tuple[Stop, ...]:
        for number, (one, other) in enumerate(pairwise(stops), 2):
            if other.value <= one.value:
                raise ValueError(
                    f"stops must rise, but stop {number} ({other.value:g}) does not lie above "
                    f"stop {number - 1} ({one.value:g})"
                )
        return stops

    @model_validator(mode="after")
    def _has_colours(self) -> Self:
        if sum(map(bool, (self.stops, self.palette, self.colours))) != 1:
            raise ValueError("give one of 'stops', 'palette' and 'colours'")
        if len(self.colours) == 1:
            raise ValueError("a palette of colours needs two or more")
        if isinstance(self.range, tuple) and self.range[0] >= self.range[1]:
            raise ValueError(f"the range {self.range[0]:g} .. {self.range[1]:g} does not rise")
        if self.stops and isinstance(self.range, tuple):
            raise ValueError("stops have a range of their own: leave 'range' out")
        return self

    @property
    def is_relative(self) -> bool:
        """Whether its range is that of the layer."""
        return self.range == "layer"


class Gradient(Coloured):
    """Colours that change evenly from stop to stop, along the values or their logarithms."""

    type: Literal["gradient"]
    scale: Literal["linear", "log"] = "linear"

    @model_validator(mode="after")
    def _spans_a_range(self) -> Self:
        if len(self.stops) == 1:
            raise ValueError("a gradient needs two stops or more")
        if not self.stops and self.range is None:
            raise ValueError("a palette needs a 'range', such as [0, 100] or \"layer\"")
        lowest = self.stops[0].value if self.stops else self.range and self.range[0]
        if self.scale == "log" and (self.is_relative or float(lowest or 0) <= 0):
            raise ValueError("a logarithmic scale needs stops or a range above 0")
        return self


class Discrete(Coloured):
    """One colour from each stop up to the next, the last one from its value on.

    With a *palette*, the *levels* are the thresholds, or every *interval* of the *range*.
    Below the first, nothing is drawn unless *under* is given.
    """

    type: Literal["discrete", "filled_contour"]
    levels: Annotated[tuple[Number, ...], Field(max_length=STOPS_MAX)] = ()
    interval: Annotated[Number, Field(gt=0)] | None = None

    @field_validator("levels")
    @classmethod
    def _ascend(cls, levels: tuple[float, ...]) -> tuple[float, ...]:
        for one, other in pairwise(levels):
            if other <= one:
                raise ValueError(f"levels must rise, but {other:g} follows {one:g}")
        return levels

    @model_validator(mode="after")
    def _has_bands(self) -> Self:
        if self.is_relative:
            raise ValueError('bands have fixed values: a range of "layer" is for gradients')
        if self.stops and (self.levels or self.interval or self.over):
            raise ValueError("'levels', 'interval' and 'over' belong to a palette, not to stops")
        if not self.stops:
            self._check_levels()
        return self

    def _check_levels(self) -> None:
        if bool(self.levels) == bool(self.interval and self.range):
            raise ValueError("a palette needs 'levels', or an 'interval' with a 'range'")
        if not 2 <= len(self.thresholds()) <= STOPS_MAX:  # noqa: PLR2004 - a band has two ends
            raise ValueError(f"2 to {STOPS_MAX} levels are possible, got {len(self.thresholds())}")

    def thresholds(self) -> tuple[float, ...]:
        """Where bands begin, in the units of the style."""
        if self.stops:
            return tuple(stop.value for stop in self.stops)
        if self.levels or self.interval is None or not isinstance(self.range, tuple):
            return self.levels
        low, high = self.range
        # The end belongs to the levels, whatever rounding says; more are refused anyway.
        count = min(int((high - low) / self.interval + 1e-9), STOPS_MAX)
        return tuple(low + self.interval * number for number in range(count + 1))


class Contour(StyleBase):
    """Lines of equal values: at *levels*, or every *interval* from *base* on.

    Every *major_every*-th line, counted from *base*, is a major one (0: none); of *levels*
    those that *majors* names are. Widths and sizes are in pixels of a picture of scale 1.
    *labels* stand on all lines, or on the major ones only.
    """

    type: Literal["contour"]
    interval: Annotated[Number, Field(gt=0)] | None = None
    base: Number = 0.0
    major_every: Annotated[int, Field(ge=0, le=100)] = 5
    levels: Annotated[tuple[Number, ...], Field(max_length=STOPS_MAX)] = ()
    majors: Annotated[tuple[Number, ...], Field(max_length=STOPS_MAX)] = ()
    colour: Annotated[Colour, american("colour")] = INK
    major_colour: Annotated[Colour | None, american("major_colour")] = None
    width: Pixels = 1.0
    major_width: Pixels = 1.8
    labels: Literal["all", "major", "none"] = "all"
    label_size: Annotated[float, Field(ge=6, le=64)] = 11.0
    label_halo: Colour | None = "#ffffffb0"
    decimals: Annotated[int, Field(ge=0, le=6)] = 0

    @model_validator(mode="after")
    def _has_lines(self) -> Self:
        if bool(self.levels) == bool(self.interval):
            raise ValueError("contours need 'levels' or an 'interval': give one of them")
        for one, other in pairwise(self.levels):
            if other <= one:
                raise ValueError(f"levels must rise, but {other:g} follows {one:g}")
        if unknown := set(self.majors) - set(self.levels):
            raise ValueError(f"the major level {min(unknown):g} is none of the levels")
        return self


class Symbols(StyleBase):
    """Signs of the wind on a lattice, drawn from the components of the layer, in m/s.

    One *colour*, or *stops*: the colour from each speed on, the first at 0. The *halo* lets
    signs stand out on any ground. Lengths are in pixels of a picture of scale 1.
    """

    spacing: Annotated[float, Field(ge=16, le=512)] = 50.0
    width: Pixels = 1.2
    colour: Annotated[Colour, american("colour")] = INK
    stops: Annotated[tuple[Stop, ...], Field(max_length=32)] = ()
    halo: Colour | None = None
    halo_width: Pixels = 1.2

    @field_validator("stops")
    @classmethod
    def _rise_from_calm(cls, stops: tuple[Stop, ...]) -> tuple[Stop, ...]:
        if stops and stops[0].value != 0:
            raise ValueError(f"the first stop of a wind is 0, got {stops[0].value:g}")
        for one, other in pairwise(stops):
            if other.value <= one.value:
                raise ValueError(f"stops must rise, but {other.value:g} follows {one.value:g}")
        return stops


class WindBarbs(Symbols):
    """Barbs: a flag for 50 knots, a full line for 10, half a one for 5, a circle for calm."""

    type: Literal["wind_barbs"]
    length: Annotated[float, Field(ge=8, le=256)] = 24.0


class WindArrows(Symbols):
    """Arrows with the wind: *shortest* in calm air, *longest* from *full_speed* on."""

    type: Literal["wind_arrows"]
    spacing: Annotated[float, Field(ge=16, le=512)] = 32.0
    shortest: Annotated[float, Field(ge=2, le=256)] = 8.0
    longest: Annotated[float, Field(ge=4, le=256)] = 28.0
    full_speed: Annotated[Number, Field(gt=0)] = 25.0

    @model_validator(mode="after")
    def _grow(self) -> Self:
        if self.shortest > self.longest:
            raise ValueError(f"the shortest arrow ({self.shortest:g}) is longer than the longest")
        return self


class Data(StyleBase):
    """The numbers themselves, for programs that draw on their own.

    value = *base* + *step* * (red * 65536 + green * 256 + blue); opacity 0: missing. See
    `consumers.handlers.tiles.codes24`.
    """

    type: Literal["data"]
    base: Number
    step: Annotated[Number, Field(gt=0)]


class Layer(Part):
    """A *style* over a layer: the one that is asked for, or another one of its model and time.

    *layer* is a parameter and a level, such as `PRMSL_msl`.
    """

    style: Name
    layer: Annotated[str, StringConstraints(pattern=_RELATED, max_length=80)] | None = None
    opacity: Annotated[float, Field(gt=0, le=1)] = 1.0


class Composite(StyleBase):
    """Several styles on top of each other, the first one below."""

    type: Literal["composite"]
    layers: Annotated[tuple[Layer, ...], Field(min_length=1, max_length=LAYERS_MAX)]


Document = Annotated[
    Gradient | Discrete | Contour | WindBarbs | WindArrows | Data | Composite,
    Field(discriminator="type"),
]

#: Reads a style's file.
DOCUMENT: Final[TypeAdapter[Document]] = TypeAdapter(Document)
