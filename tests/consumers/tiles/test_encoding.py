"""From pixels to the bytes of a picture."""

import io
from typing import get_args

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from consumers.handlers.tiles.codes24 import CODES, decode_values, encode_values
from consumers.handlers.tiles.encoding import (
    Format,
    Indexed,
    encode,
    encode_pixels,
    encode_plain,
    flattened,
)
from tests.support.looks import TEMPERATURE

Bytes = npt.NDArray[np.uint8]
FORMATS: tuple[Format, ...] = get_args(Format)
LOSSLESS: tuple[Format, ...] = ("png", "png32", "webp")

SHAPES = st.tuples(st.integers(1, 24), st.integers(1, 24))


def decoded(data: bytes) -> Bytes:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGBA"))


def bits(png: bytes) -> int:
    """Bits a pixel and channel, of IHDR."""
    return png[24]


@settings(deadline=None, max_examples=40)
@given(arrays.arrays(np.uint8, SHAPES), st.sampled_from(LOSSLESS))
def test_another_program_reads_the_colours_of_the_palette(indices: Bytes, to: Format) -> None:
    palette = np.random.default_rng(5).integers(0, 256, (256, 4)).astype(np.uint8)

    np.testing.assert_array_equal(decoded(encode(Indexed(indices, palette), to)), palette[indices])


@settings(deadline=None, max_examples=40)
@given(
    arrays.arrays(np.uint8, SHAPES.map(lambda shape: (*shape, 4)), fill=st.just(0)),
    st.sampled_from(LOSSLESS),
)
def test_and_those_of_pixels_without_one(pixels: Bytes, to: Format) -> None:
    np.testing.assert_array_equal(decoded(encode_pixels(pixels, to)), pixels)


def test_signs_of_one_colour_get_a_palette() -> None:
    pixels = np.zeros((64, 64, 4), dtype=np.uint8)
    pixels[10, :, 3] = np.arange(64)

    png = encode_pixels(pixels, "png")

    assert png[25] == 3  # IHDR: a palette
    assert encode_pixels(pixels, "png32")[25] == 6
    np.testing.assert_array_equal(decoded(png), pixels)


@pytest.mark.parametrize("to", FORMATS)
def test_one_colour_is_one_colour_in_every_format(to: Format) -> None:
    indices = np.full((40, 50), 9, dtype=np.uint8)

    picture = decoded(encode(Indexed(indices, TEMPERATURE.palette), to))

    assert picture.shape == (40, 50, 4)
    assert np.abs(picture - TEMPERATURE.palette[9].astype(int)).max() <= 3


@pytest.mark.parametrize("to", FORMATS)
def test_what_no_grid_covers_is_made_once(to: Format) -> None:
    blank = encode_plain(256, 256, bytes(4), to)

    assert encode_plain(256, 256, bytes(4), to) is blank
    assert decoded(blank)[..., 3].max() == (255 if to == "jpeg" else 0)


def test_a_format_without_opacity_lies_on_white() -> None:
    pixels = np.array([[[255, 0, 0, 0], [255, 0, 0, 51], [0, 0, 0, 255]]], dtype=np.uint8)

    assert flattened(pixels).tolist() == [[[255, 255, 255], [255, 204, 204], [0, 0, 0]]]


@settings(deadline=None)
@given(
    arrays.arrays(np.float32, SHAPES, elements=st.floats(-1e4, 1e4, width=32)),
    st.sampled_from([1e-2, 0.1, 1.0, 25.0]),
)
def test_values_come_back_out_of_their_colours_to_half_a_step(
    values: npt.NDArray[np.float32], step: float
) -> None:
    back = decode_values(encode_values(values, -1e4, step), -1e4, step)

    assert np.abs(back - values).max() <= step / 2 * (1 + 1e-9) + 1e-9


def test_missing_values_are_transparent_and_others_are_kept_within_what_three_bytes_say() -> None:
    values = np.array([[np.nan, -np.inf, np.inf, 5.0]], dtype=np.float32)

    pixels = encode_values(values, 0.0, 1.0)
    back = decode_values(pixels, 0.0, 1.0)

    assert pixels[0, 0].tolist() == [0, 0, 0, 0]
    assert np.isnan(back[0, 0])
    assert back[0, 1:].tolist() == [0.0, CODES - 1, 5.0]


def test_the_formula_is_the_documented_one() -> None:
    [[[red, green, blue, opacity]]] = encode_values(
        np.array([[280.0]], dtype=np.float32), -10_000.0, 0.01
    ).tolist()

    assert opacity == 255
    assert -10_000 + 0.01 * (red * 65_536 + green * 256 + blue) == pytest.approx(280)
