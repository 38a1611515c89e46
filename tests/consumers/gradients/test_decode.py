"""Foreign bytes: what is read of them, and what is refused before it is read."""

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from consumers.handlers.gradients.decode import EDGE_PX, PIXELS_MAX, decode
from consumers.handlers.gradients.errors import (
    BrokenImageError,
    GradientError,
    ImageTooLargeError,
    NotAnImageError,
)
from tests.support.pictures import bomb, plain, png, saved

WHOLE = {
    kind: saved(Image.effect_mandelbrot((300, 200), (-2, -1, 1, 1), 40).convert("RGB"), kind)
    for kind in ("JPEG", "PNG", "GIF", "WEBP", "AVIF", "BMP")
}


@pytest.mark.parametrize("kind", WHOLE)
def test_each_format_of_a_gallery_is_read(kind: str) -> None:
    decoded = decode(WHOLE[kind])

    assert decoded.picture.size == (EDGE_PX, 171)
    assert decoded.picture.mode == "RGB"
    assert decoded.warnings == ()


@pytest.mark.parametrize("kind", ["TIFF", "PPM", "ICO", "TGA", "PDF", "EPS"])
def test_other_formats_are_no_images_here(kind: str) -> None:
    with pytest.raises(NotAnImageError, match=r"not_an_image: .* JPEG, PNG"):
        decode(saved(plain((1, 2, 3)), kind))


@pytest.mark.parametrize(
    "data", [b"", b"hello, this is a text", b"\xff\xd8\xff", b"GIF8", b"\0" * 99]
)
def test_what_is_no_image_is_none_whatever_its_name(data: bytes) -> None:
    with pytest.raises((NotAnImageError, BrokenImageError)):
        decode(data)


@pytest.mark.parametrize("kind", WHOLE)
def test_an_image_that_ends_early_is_refused(kind: str) -> None:
    """Half a picture is not taken for a whole one."""
    data = WHOLE[kind]
    with pytest.raises((BrokenImageError, NotAnImageError)):
        decode(data[: len(data) // 2])


def test_more_pixels_than_allowed_are_refused_before_any_is_decoded() -> None:
    """Eight thousand squared, in a hundred kilobytes."""
    data = bomb(8000, 8000)

    with pytest.raises(ImageTooLargeError, match=r"image_too_large: .* 8000 x 8000 pixels") as told:
        decode(data)

    assert len(data) < 100_000
    assert str(PIXELS_MAX) in str(told.value)


@pytest.mark.parametrize("side", [10_000, 20_000, 60_000])
def test_pillows_own_limits_are_told_in_the_same_words(side: int) -> None:
    """It warns from 89 megapixels, and raises an error of its own from 179 on."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    data = png(np.zeros((1, 1, 3), np.uint8)).replace(
        struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0), header
    )
    data = data.replace(data[29:33], struct.pack(">I", zlib.crc32(b"IHDR" + header)))

    with pytest.raises(ImageTooLargeError, match="image_too_large"):
        decode(data)


def test_a_picture_of_exactly_the_limit_is_read() -> None:
    decoded = decode(bomb(8000, 7500))

    assert decoded.picture.size == (EDGE_PX, 240)


@pytest.mark.parametrize("size", [(1, 1), (1, 10_000), (10_000, 1)])
def test_the_thinnest_pictures_are_read(size: tuple[int, int]) -> None:
    decoded = decode(saved(plain((10, 20, 30), size)))

    assert min(decoded.picture.size) == 1
    assert max(decoded.picture.size) == min(EDGE_PX, max(size))


def test_a_broken_profile_is_ignored_with_a_warning() -> None:
    picture = plain((10, 120, 200))

    decoded = decode(saved(picture, icc_profile=b"this is no profile"))

    assert decoded.picture.getpixel((0, 0)) == (10, 120, 200)
    assert "colour profile cannot be used" in decoded.warnings[0]


def test_broken_exif_is_ignored_with_a_warning() -> None:
    data = saved(plain((10, 120, 200)), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff broken")

    decoded = decode(data)

    assert decoded.picture.size == (64, 48)


@given(st.sampled_from(sorted(WHOLE)), st.integers(0, 10_000), st.binary(min_size=1, max_size=8))
@settings(max_examples=200, deadline=None)
def test_whatever_is_damaged_it_is_a_picture_or_a_permanent_error(
    kind: str, at: int, bytes_: bytes
) -> None:
    data = bytearray(WHOLE[kind])
    at %= len(data)
    data[at : at + len(bytes_)] = bytes_

    try:
        picture = decode(bytes(data)).picture
    except GradientError:
        return
    assert max(picture.size) <= EDGE_PX
