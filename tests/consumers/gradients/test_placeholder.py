"""The blur is small, and shows the picture."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from consumers.handlers.gradients.placeholder import URL_BYTES_MAX, blur_data_url
from tests.support.colours import delta_e, rgb
from tests.support.pictures import plain, shares

PREFIX = "data:image/jpeg;base64,"


def shown(url: str) -> Image.Image:
    assert url.startswith(PREFIX)
    return Image.open(io.BytesIO(base64.b64decode(url.removeprefix(PREFIX))))


@pytest.mark.parametrize("size", [(1, 1), (1, 256), (256, 1), (256, 171), (171, 256), (16, 16)])
def test_it_has_the_shape_of_the_picture_and_at_most_16_pixels_a_side(
    size: tuple[int, int],
) -> None:
    picture = shown(blur_data_url(plain((10, 120, 200), size), (0, 0, 0)))

    assert max(picture.size) == min(16, max(size))
    wide, high = picture.size
    assert wide / high == pytest.approx(size[0] / size[1], rel=0.07) or 1 in picture.size


def test_even_noise_fits() -> None:
    noise = np.random.default_rng(7).integers(0, 256, (16, 16, 3), dtype=np.uint8)

    assert len(blur_data_url(Image.fromarray(noise), (0, 0, 0))) <= URL_BYTES_MAX


def test_the_colours_are_where_they_were() -> None:
    picture = shares(((200, 30, 40), 50), ((40, 60, 200), 50))

    small = shown(blur_data_url(picture, (0, 0, 0))).convert("RGB")

    middle = small.height // 2
    left, right = (small.getpixel((column, middle)) for column in (1, small.width - 2))
    assert isinstance(left, tuple)
    assert isinstance(right, tuple)
    assert left[0] > 150 > left[2]
    assert right[2] > 150 > right[0]


def test_transparent_parts_show_what_is_behind() -> None:
    small = shown(blur_data_url(plain((255, 0, 0, 0)), rgb("#20C060"))).convert("RGB")

    seen = small.getpixel((4, 4))
    assert isinstance(seen, tuple)
    assert delta_e((seen[0], seen[1], seen[2]), rgb("#20C060")) < 2
