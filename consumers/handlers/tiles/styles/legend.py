"""What a style's colours mean: values, and the colours that tiles have at them.

Every colour is looked up in the tables that tiles are drawn with. Each step between two
ticks is as wide as the others, whatever values it spans: stops lie close where values
matter.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, log10
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from consumers.handlers.tiles.drawing.arrows import Arrows
from consumers.handlers.tiles.drawing.barbs import KNOTS_PER_M_PER_S, Barbs
from consumers.handlers.tiles.drawing.contours import Line
from consumers.handlers.tiles.styles.colouring import Colouring, ValueRange, gradient_ends
from consumers.handlers.tiles.styles.document import (
    Coloured,
    Composite,
    Contour,
    Data,
    Discrete,
    Gradient,
    WindArrows,
    WindBarbs,
)
from consumers.handlers.tiles.styles.library import Style, StyleLibrary
from consumers.handlers.tiles.styles.marks import contours_of, symbols_of

Float64s = npt.NDArray[np.float64]

#: Colours of a gradient's legend, about: enough to show no steps at the width of a screen.
COLOURS: Final = 256

#: The barbs that a legend shows.
_KNOTS: Final = (0, 5, 10, 25, 50, 65)

#: Ticks that a palette gets between its ends, about.
TICKS: Final = 6
#: How far, as a share of the legend, a tick stays away from the ends.
_APART: Final = 0.05


@dataclass(frozen=True, slots=True)
class Tick:
    """A *value* in the units of the legend, at *place* 0 .. 1, with what stands there."""

    value: float
    place: float
    text: str


@dataclass(frozen=True, slots=True)
class Scale:
    """Colours along an axis.

    Attributes:
        ticks: rising.
        ramp: colours from the first place to the last, each as wide as the others.
        under, over: the colours beyond the two ends; None where that is the same colour as
            at the end, or where nothing lies beyond.
        missing: the colour of what has no value.
    """

    ticks: tuple[Tick, ...]
    ramp: tuple[str, ...]
    under: str | None
    over: str | None
    missing: str


@dataclass(frozen=True, slots=True)
class Sample:
    """A line or a sign as it is drawn, and what it stands for."""

    text: str
    drawn: Line | tuple[Barbs | Arrows, float]

    def to_json(self) -> dict[str, Any]:
        """The sample as programs read it: a colour and a width, or a speed in m/s."""
        if isinstance(self.drawn, Line):
            return {
                "text": self.text,
                "colour": self.drawn.colour,
                "width": self.drawn.width_px,
            }
        return {"text": self.text, "speed": round(self.drawn[1], 6)}


@dataclass(frozen=True, slots=True)
class Legend:
    """The legend of a style. *scale* is None where values have no colours.

    *samples* are what a style of lines or signs draws, *formula* is how one of numbers is
    read, and *parts* are the legends of a composite, the lowest one first.
    """

    style: str
    version: str
    type: str
    title: str
    units: str
    scale: Scale | None = None
    samples: tuple[Sample, ...] = ()
    formula: str = ""
    parts: tuple["Legend", ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The legend as programs read it."""
        answer: dict[str, Any] = {
            "style": self.style,
            "version": self.version,
            "type": self.type,
            "title": self.title,
            "units": self.units,
        }
        if self.scale is not None:
            answer |= {
                "ticks": [
                    {"value": tick.value, "place": round(tick.place, 6), "text": tick.text}
                    for tick in self.scale.ticks
                ],
                "colours": list(self.scale.ramp),
                "under": self.scale.under,
                "over": self.scale.over,
                "missing": self.scale.missing,
            }
        if self.samples:
            answer["samples"] = [sample.to_json() for sample in self.samples]
        if self.formula:
            answer["formula"] = self.formula
        if self.parts:
            answer["layers"] = [part.to_json() for part in self.parts]
        return answer


def legend_of(library: StyleLibrary, name: str, value_range: ValueRange | None) -> Legend:
    """The legend of the style *name*, over the values of a layer's run where it needs them.

    Raises:
        UnknownStyle: there is none of that name.
        StyleError: its file is wrong, or it needs the range and there is none.
    """
    style = library.find(name)
    document = style.document
    if isinstance(document, Composite):
        parts = tuple(legend_of(library, each.style, value_range) for each in document.layers)
        return _legend(style, parts=parts)
    if isinstance(document, Coloured):
        tables = library.colouring(name, value_range)
        if isinstance(document, Gradient):
            return _legend(style, scale=_gradient(document, tables, value_range))
        assert isinstance(document, Discrete)  # noqa: S101 - there are two
        return _legend(style, scale=_discrete(document, tables))
    if isinstance(document, Contour):
        return _legend(style, samples=tuple(_lines(document)))
    if isinstance(document, Data):
        codes = "red * 65536 + green * 256 + blue"
        return _legend(style, formula=f"{document.base:g} + {document.step:g} * ({codes})")
    return _legend(style, samples=tuple(_symbols(document)))


def _legend(style: Style, **parts: Any) -> Legend:
    document = style.document
    return Legend(
        style=style.name,
        version=style.version,
        type=document.type,
        title=document.title or style.name.replace("_", " "),
        units=document.shown_units,
        **parts,
    )


def _lines(document: Contour) -> Iterator[Sample]:
    lines, units = contours_of(document), f" {document.shown_units}".rstrip()
    if document.interval is None:
        minors = [level for level in document.levels if level not in document.majors]
        for line, levels in ((lines.minor, minors), (lines.major, document.majors)):
            if levels:
                yield Sample(", ".join(f"{level:g}" for level in levels) + units, line)
        return
    yield Sample(f"every {document.interval:g}{units}", lines.minor)
    if document.major_every > 1:
        yield Sample(f"every {document.interval * document.major_every:g}{units}", lines.major)


def _symbols(document: WindBarbs | WindArrows) -> Iterator[Sample]:
    symbols = symbols_of(document)
    if isinstance(symbols, Barbs):
        for knots in _KNOTS:
            yield Sample(f"{knots} kt" if knots else "calm", (symbols, knots / KNOTS_PER_M_PER_S))
        return
    speeds = [stop.value for stop in document.stops if stop.value > 0] or [
        share * document.transform.transform.shown(symbols.full_m_per_s) for share in (0.2, 0.5, 1)
    ]
    for speed in speeds:
        stored = document.transform.transform.stored(speed)
        yield Sample(f"{speed:g} {document.shown_units or 'm/s'}", (symbols, stored))


def _gradient(document: Gradient, tables: Colouring, value_range: ValueRange | None) -> Scale:
    is_log = document.scale == "log"
    values, places = _axis(gradient_ends(document, value_range), is_log=is_log)
    count = COLOURS - COLOURS % (len(values) - 1)
    shown = _between(places, values, (np.arange(count) + 0.5) / count, is_log=is_log)
    ramp = [_hex(each) for each in tables.colours(document.transform.transform.stored_all(shown))]
    under, over = _hex(tables.palette[1]), _hex(tables.palette[-1])
    return Scale(
        ticks=tuple(_ticks(values, places)),
        ramp=tuple(ramp),
        under=under if document.under and under != ramp[0] else None,
        over=over if document.over and over != ramp[-1] else None,
        missing=document.missing,
    )


def _axis(ends: Float64s, *, is_log: bool) -> tuple[Float64s, Float64s]:
    """The values at the ticks, and their places: stops in equal steps, a range to scale."""
    if len(ends) > 2:  # noqa: PLR2004 - stops between the two ends
        return ends, np.linspace(0, 1, len(ends))
    values = _round_values(float(ends[0]), float(ends[1]), is_log=is_log)
    return values, np.array([_share(ends[0], ends[1], value, is_log=is_log) for value in values])


def _discrete(document: Discrete, tables: Colouring) -> Scale:
    """Fields of one width; the last of a row of stops has no upper end.

    Values stand where fields begin, and names in their middle.
    """
    values = np.array(document.thresholds())
    fields = len(values) if document.stops else len(values) - 1
    ramp = [_hex(colour) for colour in tables.palette[2 : 2 + fields]]
    texts = [stop.label for stop in document.stops]
    places = (np.arange(len(values)) + (0.5 if any(texts) else 0.0)) / fields
    under, over = _hex(tables.palette[1]), _hex(tables.palette[-1])
    return Scale(
        ticks=tuple(_ticks(values, places, texts)),
        ramp=tuple(ramp),
        under=under if int(tables.palette[1, 3]) else None,
        over=over if document.over else None,
        missing=document.missing,
    )


def _between(places: Float64s, values: Float64s, shares: Float64s, *, is_log: bool) -> Float64s:
    if is_log:
        return np.exp(np.interp(shares, places, np.log(values)))
    return np.interp(shares, places, values)


def _round_values(low: float, high: float, *, is_log: bool) -> Float64s:
    """The two ends and round values between them."""
    if is_log:
        powers = range(ceil(log10(low)), floor(log10(high)) + 1)
        inner = [10.0**power for power in powers]
    else:
        rough = (high - low) / TICKS
        power = 10 ** floor(log10(rough))
        step = power * next(each for each in (1, 2, 2.5, 5, 10) if power * each >= rough)
        inner = [step * number for number in range(ceil(low / step), floor(high / step) + 1)]
    apart = [each for each in inner if _APART < _share(low, high, each, is_log=is_log) < 1 - _APART]
    return np.array([low, *apart, high])


def _share(low: float, high: float, value: float, *, is_log: bool) -> float:
    if is_log:
        low, high, value = (log10(each) for each in (low, high, value))
    return (value - low) / (high - low)


def _ticks(values: Float64s, places: Float64s, texts: list[str] | None = None) -> Iterator[Tick]:
    digits = _digits(values)
    for number, (value, place) in enumerate(zip(values, places, strict=True)):
        text = texts[number] if texts and texts[number] else f"{value or 0.0:.{digits}g}"
        yield Tick(float(value), float(place), text)


def _digits(values: Float64s) -> int:
    """So many that no two ticks read the same, four at least."""
    for digits in range(4, 10):
        if all(f"{one:.{digits}g}" != f"{other:.{digits}g}" for one, other in pairwise(values)):
            return digits
    return 10


def _hex(colour: npt.NDArray[np.uint8]) -> str:
    text = bytes(colour).hex()
    return f"#{text[:6]}" if text.endswith("ff") else f"#{text}"
