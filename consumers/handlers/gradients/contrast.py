"""Which of black and white can be read on a gradient (WCAG 2, success criterion 1.4.3)."""

from typing import Final, NamedTuple

from consumers.handlers.gradients.colour import Rgb, linear

BLACK: Final[Rgb] = (0, 0, 0)
WHITE: Final[Rgb] = (255, 255, 255)

#: What WCAG asks for normal text. Black or white reaches it on any one colour, but not on
#: every gradient.
ENOUGH: Final = 4.5


class Foreground(NamedTuple):
    """A colour for text, and its contrast where the gradient suits it least."""

    colour: Rgb
    contrast: float


def luminance(colour: Rgb) -> float:
    """Relative luminance, 0 for black to 1 for white."""
    red, green, blue = linear(colour)
    return float(0.2126 * red + 0.7152 * green + 0.0722 * blue)


def contrast(one: Rgb, other: Rgb) -> float:
    """Contrast ratio, 1 to 21; the order does not matter."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def midpoint(start: Rgb, end: Rgb) -> Rgb:
    """The colour halfway, as browsers mix it: in sRGB."""
    red, green, blue = (round((a + b) / 2) for a, b in zip(start, end, strict=True))
    return red, green, blue


def foreground(start: Rgb, end: Rgb) -> Foreground:
    """Black or white, whichever has the better contrast at its worst place.

    The places are both ends and the middle, which may be darker than either: halfway
    between red and green is a dark yellow.
    """
    places = (start, midpoint(start, end), end)
    worst = {colour: min(contrast(colour, place) for place in places) for colour in (BLACK, WHITE)}
    best = max((BLACK, WHITE), key=worst.__getitem__)
    return Foreground(best, worst[best])
