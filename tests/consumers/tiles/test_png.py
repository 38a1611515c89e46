"""Pictures with a palette, written as PNG."""

import io
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from consumers.handlers.tiles import png
from consumers.handlers.tiles.png import Indices, encode_one_colour, encode_png8, encode_png32
from tests.support.looks import PRECIPITATION, TEMPERATURE

PALETTE = np.random.default_rng(3).integers(0, 256, (256, 4)).astype(np.uint8)


def decoded(data: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """The picture as another program reads it: red, green, blue and opacity."""
    with Image.open(io.BytesIO(data)) as image:
        image.verify()
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGBA"))


@settings(deadline=None)
@given(
    arrays.arrays(
        np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40)), elements=st.integers(0, 255)
    )
)
def test_another_program_reads_the_colours_that_were_written(indices: Indices) -> None:
    np.testing.assert_array_equal(decoded(encode_png8(indices, PALETTE)), PALETTE[indices])


@pytest.mark.parametrize("style", [TEMPERATURE, PRECIPITATION])
def test_palettes_may_have_fewer_than_256_colours(style: object) -> None:
    palette = style.palette  # type: ignore[attr-defined]
    indices = np.arange(len(palette), dtype=np.uint8)[None, :]

    np.testing.assert_array_equal(decoded(encode_png8(indices, palette)), palette[indices])


def test_an_opaque_palette_needs_no_transparency() -> None:
    opaque = PALETTE.copy()
    opaque[:, 3] = 255

    data = encode_png8(np.zeros((4, 4), dtype=np.uint8), opaque)

    assert b"tRNS" not in data
    np.testing.assert_array_equal(decoded(data)[0, 0], opaque[0])


def test_transparency_ends_with_the_last_colour_that_has_it() -> None:
    data = encode_png8(np.arange(16, dtype=np.uint8).reshape(4, 4), TEMPERATURE.palette)

    start = data.index(b"tRNS")
    assert int.from_bytes(data[start - 4 : start]) == 1


def test_equal_pictures_are_equal_bytes() -> None:
    indices = np.random.default_rng(1).integers(0, 256, (64, 64)).astype(np.uint8)

    assert encode_png8(indices, PALETTE) == encode_png8(indices.copy(), PALETTE.copy())


@pytest.mark.parametrize("size", [(1, 1), (7, 3), (256, 256), (4096, 2)])
def test_one_colour_is_one_colour_at_every_size(size: tuple[int, int]) -> None:
    width_px, height_px = size

    picture = decoded(encode_one_colour(width_px, height_px, bytes((10, 20, 30, 40))))

    assert picture.shape == (height_px, width_px, 4)
    assert np.unique(picture.reshape(-1, 4), axis=0).tolist() == [[10, 20, 30, 40]]


def test_a_blank_tile_is_tiny_and_made_once() -> None:
    blank = encode_one_colour(256, 256, bytes(4))

    assert len(blank) < 120
    assert encode_one_colour(256, 256, bytes(4)) is blank


def test_without_libdeflate_the_picture_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_name: str) -> None:
        raise ImportError

    indices = np.random.default_rng(1).integers(0, 99, (64, 64)).astype(np.uint8)
    fast = encode_png8(indices, PALETTE)
    monkeypatch.setattr(png, "import_module", missing)
    monkeypatch.setattr(png, "_compress", png._compressor())

    plain = encode_png8(indices, PALETTE)

    np.testing.assert_array_equal(decoded(plain), decoded(fast))
    start = plain.index(b"IDAT") + 4
    size = int.from_bytes(plain[start - 8 : start - 4])
    assert len(zlib.decompress(plain[start : start + size])) == 64 * 65


@settings(deadline=None)
@given(
    arrays.arrays(
        np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40)), elements=st.integers(0, 15)
    )
)
def test_sixteen_colours_take_half_a_byte_a_pixel(indices: Indices) -> None:
    data = encode_png8(indices, PALETTE)

    assert data[24] == 4  # IHDR: bits a pixel
    np.testing.assert_array_equal(decoded(data), PALETTE[indices])


def test_the_palette_ends_with_the_last_colour_that_is_used() -> None:
    data = encode_png8(np.full((2, 2), 99, dtype=np.uint8), PALETTE)

    start = data.index(b"PLTE")
    assert int.from_bytes(data[start - 4 : start]) == 3 * 100


@pytest.mark.parametrize("changing", [False, True])
def test_colours_without_a_palette_are_read_as_written(changing: bool) -> None:  # noqa: FBT001 - a parameter
    pixels = np.random.default_rng(2).integers(0, 256, (33, 21, 4)).astype(np.uint8)

    np.testing.assert_array_equal(decoded(encode_png32(pixels, changing=changing)), pixels)


def test_values_that_change_everywhere_are_a_third_as_differences() -> None:
    y, x = np.mgrid[:256, :256]
    codes = (1_000_000 + 500 * np.sin(x / 40) + 900 * np.cos(y / 30)).astype(">u4")
    pixels = codes[..., None].view(np.uint8)

    assert len(encode_png32(pixels, changing=True)) < len(encode_png32(pixels)) / 2
