"""The text colour of a gradient, by the definition of WCAG."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.handlers.gradients.contrast import (
    BLACK,
    ENOUGH,
    WHITE,
    contrast,
    foreground,
    luminance,
    midpoint,
)
from tests.support.colours import Rgb, linear

CHANNELS = st.integers(0, 255)
COLOURS = st.tuples(CHANNELS, CHANNELS, CHANNELS)


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ((0, 0, 0), (255, 255, 255), 21.0),
        ((118, 118, 118), (255, 255, 255), 4.54),
        ((119, 119, 119), (255, 255, 255), 4.48),
        ((255, 0, 0), (255, 255, 255), 4.0),
        ((0, 0, 255), (255, 255, 255), 8.59),
    ],
)
def test_the_contrast_is_that_of_published_examples(one: Rgb, other: Rgb, ratio: float) -> None:
    assert contrast(one, other) == pytest.approx(ratio, abs=0.005)
    assert contrast(other, one) == contrast(one, other)


@given(COLOURS)
def test_luminance_is_the_weighted_sum_of_light(colour: Rgb) -> None:
    red, green, blue = (linear(part / 255) for part in colour)

    assert luminance(colour) == pytest.approx(0.2126 * red + 0.7152 * green + 0.0722 * blue)


@given(COLOURS, COLOURS)
def test_the_better_of_black_and_white_at_its_worst_place(start: Rgb, end: Rgb) -> None:
    places = (start, midpoint(start, end), end)
    worst = {each: min(contrast(each, place) for place in places) for each in (BLACK, WHITE)}

    found = foreground(start, end)

    assert found.contrast == worst[found.colour] == max(worst.values())


@given(COLOURS)
def test_on_one_colour_it_is_always_enough(colour: Rgb) -> None:
    assert foreground(colour, colour).contrast >= ENOUGH


def test_the_middle_counts_because_it_may_be_the_worst() -> None:
    red, green = (255, 0, 0), (0, 255, 0)
    middle = midpoint(red, green)

    assert foreground(red, green).contrast == contrast(BLACK, middle) < contrast(BLACK, red)
