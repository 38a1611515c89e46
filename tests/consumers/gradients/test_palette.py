"""The first colour is the one that a person would name."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from consumers.handlers.gradients.colour import chroma, oklab
from consumers.handlers.gradients.palette import COLOURS_MAX, NOTHING, palette
from tests.support.colours import Rgb, delta_e
from tests.support.pictures import Colour, logo, plain, shares

CHANNELS = st.integers(0, 255)
COLOURS = st.tuples(CHANNELS, CHANNELS, CHANNELS)
WHITE, BLACK, RED, BLUE = (255, 255, 255), (0, 0, 0), (200, 30, 40), (49, 55, 136)


@given(COLOURS)
@settings(max_examples=60)
def test_a_plain_picture_has_just_its_colour(colour: Rgb) -> None:
    assert palette(plain(colour)) == [(colour, 1.0)]


@given(COLOURS, COLOURS)
@settings(max_examples=200)
def test_nine_tenths_are_the_main_colour_and_the_rest_its_partner(most: Rgb, rest: Rgb) -> None:
    lab = oklab([most, rest])
    assume(np.linalg.norm(lab[0] - lab[1]) > 0.16)
    # What is nearly white is taken for paper: see below.
    assume(lab[0, 0] < 0.92 or chroma(lab)[0] > 0.03)

    found = palette(shares((most, 90), (rest, 10)))

    assert [swatch.colour for swatch in found] == [most, rest]
    assert [swatch.share for swatch in found] == pytest.approx([0.9, 0.1])


@pytest.mark.parametrize("ink", [RED, BLUE, BLACK, (120, 120, 120), (250, 220, 60)])
@pytest.mark.parametrize("ground", [WHITE, (252, 252, 250), (255, 255, 255, 0)])
def test_a_logo_is_not_the_colour_of_its_paper(ink: Rgb, ground: Colour) -> None:
    found = palette(logo(ink, ground))

    assert delta_e(found[0].colour, ink) < 2
    if len(ground) == 3:
        assert delta_e(found[1].colour, ground[:3]) < 2, "the paper is the partner"
    else:
        assert len(found) == 1, "the transparent edge is no colour"


def test_white_alone_is_white() -> None:
    assert palette(plain(WHITE)) == [(WHITE, 1.0)]


def test_what_is_transparent_has_no_colour() -> None:
    assert palette(shares(((255, 0, 0, 0), 90), ((*BLUE, 255), 10))) == [(BLUE, 1.0)]


def test_what_is_half_transparent_counts_half() -> None:
    found = palette(shares(((*RED, 128), 60), ((*BLUE, 255), 40)))

    assert [swatch.colour for swatch in found] == [BLUE, RED]


def test_where_nothing_can_be_seen_it_is_a_grey() -> None:
    assert palette(plain((255, 0, 0, 0))) == [(NOTHING, 1.0)]


def test_light_and_shadow_of_a_colour_count_together() -> None:
    """Three purples make a flower, though there is more of the brown behind it."""
    flower = [(155, 87, 125), (102, 51, 80), (210, 131, 189)]
    picture = shares(((104, 82, 66), 40), (flower[0], 22), (flower[1], 20), (flower[2], 18))

    assert palette(picture)[0].colour in flower


def test_the_largest_is_in_the_palette_even_if_it_is_paper() -> None:
    inks = [(200, 30, 40), (30, 160, 60), (40, 60, 200), (230, 200, 30), (150, 40, 160)]
    inks += [(20, 150, 160), (240, 130, 20)]
    picture = shares((WHITE, 65), *((ink, 5) for ink in inks))

    found = [swatch.colour for swatch in palette(picture)]

    assert len(found) == COLOURS_MAX
    assert WHITE in found
    assert found[0] != WHITE


def test_blended_edges_are_no_colours() -> None:
    """The flag of the Netherlands, scaled so that its stripes meet within a pixel."""
    flag = Image.new("RGB", (900, 600), WHITE)
    flag.paste((174, 28, 40), (0, 0, 900, 199))
    flag.paste((33, 70, 139), (0, 401, 900, 600))
    flag.thumbnail((256, 256), Image.Resampling.BOX)

    found = [swatch.colour for swatch in palette(flag)]

    assert set(found[:2]) == {(174, 28, 40), (33, 70, 139)}
    assert found[2:] == [WHITE]


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25)
def test_any_picture_has_a_palette_and_always_the_same(seed: int) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (20, 30, 4), dtype=np.uint8)
    picture = Image.fromarray(noise)

    found = palette(picture)

    assert 1 <= len(found) <= COLOURS_MAX
    assert len({swatch.colour for swatch in found}) == len(found)
    assert found == palette(picture.transpose(Image.Transpose.ROTATE_90))
