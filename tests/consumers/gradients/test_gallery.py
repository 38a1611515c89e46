"""Real pictures, of which a person has said what their main colours are."""

import pytest

from consumers.handlers.gradients.colour import chroma, oklab
from consumers.handlers.gradients.gradient import gradient_of
from consumers.handlers.gradients.sheet import row_of, sheet
from tests.support.colours import delta_e, rgb
from tests.support.sampledata import GALLERY, gallery_files, needs_gallery

pytestmark = needs_gallery

#: What the main colour is called; any of these will do, within the distance that such words have.
NAMED = {
    "blackbug_alpha.png": ["#000000"],
    "fish_progressive.jpg": ["#45582F", "#3B4727"],
    "flag_16bit.png": ["#AE1C28", "#21468B"],
    "flower.webp": ["#9B577D", "#B573A5"],
    "iss_animated.gif": ["#E39D6C", "#EDD755"],
    "kimono_rotate90.avif": ["#D5D191", "#B74042", "#6692A1"],
    "landscape_exif_orientation6.jpg": ["#AAC3E4", "#78A4D7"],
    "map_cmyk.jpg": ["#1779A7"],
    "photo_astronaut.png": ["#E2734F", "#C85530"],
    "photo_coffee.png": ["#B76131", "#A33717"],
    "portrait_exif_orientation8.jpg": ["#98A6AE"],
}
#: As far as two words for colours are apart, such as orange and red.
SAME_WORD = 10.0


@pytest.mark.parametrize("name", NAMED)
def test_the_main_colour_is_the_one_that_a_person_names(name: str) -> None:
    gradient = gradient_of((GALLERY / name).read_bytes())

    apart = [delta_e(rgb(gradient.primary), rgb(each)) for each in NAMED[name]]
    assert min(apart) < SAME_WORD, gradient.primary
    assert gradient.warnings == ()


def test_every_picture_has_a_gradient_and_a_row_of_the_sheet() -> None:
    files = gallery_files()
    rows = [row_of(each) for each in files]

    assert {each.name for each in files} >= NAMED.keys()
    assert [row.problem for row in rows if row.gradient is None] == []
    assert sheet(rows).height > 100 * len(rows)


def test_no_picture_is_named_after_its_paper() -> None:
    for file in gallery_files():
        colour = oklab([rgb(gradient_of(file.read_bytes()).primary)])
        assert colour[0, 0] < 0.93 or chroma(colour)[0] > 0.025, file.name
