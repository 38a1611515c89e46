"""Colours over a picture."""

import numpy as np
import pytest

from consumers.handlers.tiles.drawing.ink import Ink, paint, transparent
from consumers.handlers.tiles.errors import StyleError


def coverage(*values: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.array([values], dtype=np.uint8)


def test_over_nothing_it_has_its_own_colour_as_opaque_as_it_covers() -> None:
    picture = transparent((1, 3))

    paint(picture, [Ink(coverage(0, 128, 255), "#10c8ff")])

    assert picture.tolist() == [[[0, 0, 0, 0], [16, 200, 255, 128], [16, 200, 255, 255]]]


def test_over_a_colour_it_mixes_by_coverage_and_opacity() -> None:
    picture = np.full((1, 3, 4), 255, dtype=np.uint8)

    paint(picture, [Ink(coverage(0, 255, 51), "#000000"), Ink(coverage(0, 0, 255), "#ff000080")])

    assert picture[0, 0].tolist() == [255, 255, 255, 255]
    assert picture[0, 1].tolist() == [0, 0, 0, 255]
    assert picture[0, 2].tolist() == [230, 102, 102, 255]  # 204, then half of it and red


def test_two_thin_layers_are_more_opaque_than_one() -> None:
    picture = transparent((1, 1))

    paint(picture, [Ink(coverage(128), "#ffffff"), Ink(coverage(128), "#ffffff")])

    assert picture.tolist() == [[[255, 255, 255, 192]]]


def test_a_colour_that_is_none_is_refused() -> None:
    with pytest.raises(StyleError, match="#rrggbb"):
        paint(transparent((1, 1)), [Ink(coverage(1), "red")])


def test_a_part_of_a_picture_is_refused() -> None:
    """Paint on a copy of it would be lost."""
    with pytest.raises(ValueError, match="only a whole picture"):
        paint(transparent((4, 4))[:, 1:3], [Ink(coverage(1), "#ffffff")])
