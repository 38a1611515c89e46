"""Every kind of picture that a gallery may hold, end to end from its bytes."""

import base64
import io
import os
import re
import subprocess
import sys
from typing import Any

import numpy as np
import orjson
import pytest
from PIL import Image

from consumers.handlers.gradients.contrast import ENOUGH
from consumers.handlers.gradients.gradient import Gradient, gradient_of
from consumers.handlers.gradients.placeholder import URL_BYTES_MAX
from tests.support.colours import Rgb, delta_e, rgb
from tests.support.pictures import (
    ADOBE_GAMMA,
    ADOBE_RGB,
    DISPLAY_P3,
    by_profile,
    logo,
    plain,
    png,
    profile,
    saved,
    shares,
)

HEX = re.compile(r"#[0-9A-F]{6}")
BLUE, ORANGE = (49, 55, 136), (230, 120, 30)
COLOURS = [BLUE, ORANGE, (0, 0, 0), (255, 255, 255), (128, 128, 128), (3, 200, 90)]


def require_whole(gradient: Gradient) -> None:
    """The shape that readers rely on."""
    said = gradient.to_json()
    assert list(said) == ["palette", "primary", "secondary", "foreground", "css", "blurDataUrl"]
    for colour in (*said["palette"], said["primary"], said["secondary"], said["foreground"]):
        assert HEX.fullmatch(colour)
    assert said["palette"][0] == said["primary"]
    assert said["secondary"] in said["palette"]
    first, second = said["primary"], said["secondary"]
    assert said["css"] == f"linear-gradient(135deg, {first} 0%, {second} 100%)"
    assert len(said["blurDataUrl"]) <= URL_BYTES_MAX


def primary(data: bytes) -> Rgb:
    gradient = gradient_of(data)
    require_whole(gradient)
    return rgb(gradient.primary)


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF", "BMP"])
def test_a_plain_colour_is_exactly_that(colour: Rgb, kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    gradient = gradient_of(saved(plain(colour), kind, **options))

    require_whole(gradient)
    assert gradient.palette == (gradient.primary,)
    assert rgb(gradient.primary) == colour
    assert gradient.secondary == gradient.primary


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF"])
def test_of_two_colours_the_larger_is_the_first(kind: str) -> None:
    picture = shares((BLUE, 540), (ORANGE, 60), size=(600, 400))

    gradient = gradient_of(saved(picture, kind, quality=95))

    assert delta_e(rgb(gradient.primary), BLUE) < 2
    assert delta_e(rgb(gradient.secondary), ORANGE) < 2


@pytest.mark.parametrize("ground", [(255, 255, 255), (255, 255, 255, 0)])
def test_a_logo_is_its_own_colour(ground: Any) -> None:
    assert delta_e(primary(saved(logo(ORANGE, ground))), ORANGE) < 2


@pytest.mark.parametrize("mode", ["L", "LA", "1", "I;16"])
def test_greys_are_greys(mode: str) -> None:
    ramp = Image.linear_gradient("L")
    if mode == "I;16":
        picture = Image.fromarray(np.asarray(ramp).astype(np.uint16) * 257)
    else:
        picture = ramp.convert(mode)

    gradient = gradient_of(saved(picture))

    require_whole(gradient)
    for red, green, blue in map(rgb, gradient.palette):
        assert red == green == blue


def test_16_bits_of_grey_are_not_cut_off() -> None:
    picture = Image.fromarray(np.full((20, 20), 200 * 257, np.uint16))

    assert primary(saved(picture)) == (200, 200, 200)


@pytest.mark.parametrize("channels", [3, 4])
def test_16_bits_of_colour_are_read(channels: int) -> None:
    pixels = np.zeros((20, 30, channels), np.uint16)
    pixels[...] = [*(part * 257 for part in ORANGE), 65535][:channels]

    assert delta_e(primary(png(pixels)), ORANGE) < 1


def test_16_bits_of_grey_with_alpha_are_read() -> None:
    pixels = np.zeros((20, 30, 2), np.uint16)
    pixels[...] = [90 * 257, 65535]

    assert delta_e(primary(png(pixels)), (90, 90, 90)) < 1


@pytest.mark.parametrize("size", [(1, 1), (1, 10_000), (10_000, 1)])
def test_the_smallest_and_the_thinnest_have_a_gradient(size: tuple[int, int]) -> None:
    assert primary(saved(plain(ORANGE, size))) == ORANGE


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_what_cannot_be_seen_is_a_grey(kind: str) -> None:
    gradient = gradient_of(saved(plain((200, 10, 10, 0)), kind))

    require_whole(gradient)
    assert gradient.palette == ("#808080",)


def test_a_palette_with_transparent_entries_shows_only_the_others() -> None:
    picture = Image.new("P", (60, 40), 0)
    picture.putpalette([*(10, 200, 10), *ORANGE, *BLUE])
    picture.paste(1, (20, 0, 60, 40))

    gradient = gradient_of(saved(picture, transparency=b"\0\xff\xff"))

    assert [rgb(each) for each in gradient.palette] == [ORANGE]


def test_a_colour_that_is_declared_transparent_is_not_seen() -> None:
    picture = shares((BLUE, 90), (ORANGE, 10))

    assert primary(saved(picture, transparency=BLUE)) == ORANGE


def ink(colour: Rgb) -> tuple[int, int, int, int]:
    cyan, magenta, yellow = (255 - part for part in colour)
    black = min(cyan, magenta, yellow)
    return cyan - black, magenta - black, yellow - black, black


@pytest.mark.parametrize("colour", COLOURS)
def test_cmyk_is_what_its_inks_leave(colour: Rgb) -> None:
    """Pillow writes it as Adobe does: inverted, with a marker that says so."""
    cyan, magenta, yellow, black = ink(colour)
    left = tuple(round((255 - each) * (255 - black) / 255) for each in (cyan, magenta, yellow))
    picture = Image.new("CMYK", (64, 48), (cyan, magenta, yellow, black))

    found = primary(saved(picture, "JPEG", quality=95))

    assert delta_e(found, (left[0], left[1], left[2])) < 3


def test_cmyk_without_adobes_marker_is_read_as_browsers_do() -> None:
    data = saved(Image.new("CMYK", (64, 48), ink(ORANGE)), "JPEG", quality=95)
    at = data.index(b"\xff\xee")
    length = int.from_bytes(data[at + 2 : at + 4], "big")

    assert delta_e(primary(data[:at] + data[at + 2 + length :]), primary(data)) < 1


@pytest.mark.parametrize(
    ("colorants", "gamma"), [(DISPLAY_P3, None), (ADOBE_RGB, ADOBE_GAMMA)], ids=["P3", "Adobe RGB"]
)
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF"])
@pytest.mark.parametrize("colour", [(180, 90, 60), (60, 110, 160), (120, 140, 70), (128, 128, 128)])
def test_colours_of_a_profile_are_turned_into_srgb(
    colour: Rgb, kind: str, colorants: Any, gamma: float | None
) -> None:
    picture = plain(colour, (64, 64))

    found = primary(saved(picture, kind, quality=95, icc_profile=profile(colorants, gamma)))

    assert delta_e(found, by_profile(colour, colorants, gamma)) < 2


def test_the_profile_makes_a_difference_that_is_seen() -> None:
    """Or the test above would prove nothing."""
    colour = (180, 90, 60)

    assert delta_e(by_profile(colour, DISPLAY_P3, None), colour) > 3
    assert delta_e(by_profile(colour, ADOBE_RGB, ADOBE_GAMMA), colour) > 3


def test_a_profile_does_not_touch_what_is_transparent() -> None:
    picture = shares(((*ORANGE, 255), 50), ((0, 0, 0, 0), 50))

    gradient = gradient_of(saved(picture, icc_profile=profile(DISPLAY_P3, None)))

    assert len(gradient.palette) == 1
    assert delta_e(rgb(gradient.primary), by_profile(ORANGE, DISPLAY_P3, None)) < 2


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "AVIF", "PNG"])
def test_of_an_animation_the_first_frame_counts(kind: str) -> None:
    frames = [plain(colour, (64, 64)) for colour in (ORANGE, BLUE, BLUE, BLUE)]
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=50)

    assert delta_e(primary(data), ORANGE) < 3


_TURNED_BACK = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("orientation", _TURNED_BACK)
def test_a_picture_is_upright_however_the_camera_was_held(orientation: int, kind: str) -> None:
    """The palette is that of the upright picture, and the blur is upright."""
    upright = Image.new("RGB", (640, 320), BLUE)
    upright.paste(ORANGE, (0, 0, 192, 128))
    turn = _TURNED_BACK[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = upright if turn is None else upright.transpose(turn)

    gradient = gradient_of(saved(turned, kind, quality=95, subsampling=0, exif=exif))

    expected = gradient_of(saved(upright, kind, quality=95, subsampling=0))
    assert gradient.palette == expected.palette
    blur = Image.open(io.BytesIO(base64.b64decode(gradient.blur_data_url[23:])))
    assert blur.size == (16, 8)
    corner, opposite = (blur.convert("RGB").getpixel(at) for at in ((1, 1), (14, 6)))
    assert isinstance(corner, tuple)
    assert isinstance(opposite, tuple)
    assert corner[0] > 150 > corner[2]
    assert opposite[2] > 90 > opposite[0]


@pytest.mark.parametrize(("start", "end"), [(BLUE, ORANGE), ((255, 220, 80), (120, 200, 120))])
def test_text_can_be_read_where_that_is_possible(start: Rgb, end: Rgb) -> None:
    gradient = gradient_of(saved(shares((start, 60), (end, 40))))

    assert gradient.foreground in {"#000000", "#FFFFFF"}
    assert gradient.contrast >= (ENOUGH if start != BLUE else 1)


def test_of_partners_that_are_nearly_as_good_the_readable_one_is_taken() -> None:
    light, dark, middle = (170, 195, 228), (56, 64, 70), (99, 150, 206)
    gradient = gradient_of(saved(shares((light, 60), (dark, 21), (middle, 19))))

    assert gradient.contrast >= ENOUGH


def test_another_process_says_the_same_to_the_byte() -> None:
    noise = np.random.default_rng(3).integers(0, 256, (90, 120, 4), dtype=np.uint8)
    data = saved(Image.fromarray(noise))
    program = (
        "import sys, orjson; from consumers.handlers.gradients.gradient import gradient_of; "
        "sys.stdout.buffer.write(orjson.dumps(gradient_of(sys.stdin.buffer.read()).to_json()))"
    )

    said = {
        subprocess.run(
            [sys.executable, "-c", program],
            input=data,
            capture_output=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }

    assert said == {orjson.dumps(gradient_of(data).to_json())}


def test_greys_with_a_profile_of_colours_are_greys() -> None:
    grey = saved(Image.new("L", (64, 48), 128), icc_profile=profile(ADOBE_RGB, ADOBE_GAMMA))

    assert delta_e(primary(grey), by_profile((128, 128, 128), ADOBE_RGB, ADOBE_GAMMA)) < 1
