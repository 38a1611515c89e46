"""Filled triangles."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumers.handlers.tiles.drawing.triangles import draw_triangles, sides

SHAPE = (48, 48)
ONE = np.array([[[10.0, 10.0], [34.0, 14.0], [18.0, 38.0]]])
AREA = (24 * 28 - 4 * 8) / 2


def test_it_covers_its_area() -> None:
    assert draw_triangles(ONE, SHAPE).sum() / 255 == pytest.approx(AREA, rel=0.01)


def test_both_turns_are_the_same_triangle() -> None:
    np.testing.assert_array_equal(draw_triangles(ONE[:, ::-1], SHAPE), draw_triangles(ONE, SHAPE))


def test_its_sides_lead_around_it() -> None:
    around = sides(ONE)

    np.testing.assert_array_equal(around[:, 1], np.roll(around[:, 0], -1, axis=0))
    np.testing.assert_array_equal(around[:, 0], ONE[0])
    assert sides(np.empty((0, 3, 2))).shape == (0, 2, 2)


@settings(deadline=None)
@given(st.integers(0, 1000), st.integers(1, 47))
def test_a_picture_that_is_cut_is_the_same_to_the_last_bit(seed: int, col: int) -> None:
    random = np.random.default_rng(seed)
    triangles = random.uniform(-10, 58, (6, 1, 2)) + random.normal(0, 8, (6, 3, 2))
    triangles = np.rint(triangles * 256) / 256

    left = draw_triangles(triangles, (48, col))
    right = draw_triangles(triangles - (col, 0), (48, 48 - col))

    np.testing.assert_array_equal(np.hstack((left, right)), draw_triangles(triangles, SHAPE))


def test_none_and_those_elsewhere_cover_nothing() -> None:
    assert not draw_triangles(np.empty((0, 3, 2)), SHAPE).any()
    assert not draw_triangles(ONE + 500, SHAPE).any()


def test_a_larger_one_elsewhere_does_not_lengthen_a_sharp_corner() -> None:
    sharp = np.array([[[10.0, 10.0], [30.0, 11.0], [30.0, 9.0]]])
    large = np.array([[[0.0, 47.0], [47.0, 47.0], [24.0, 20.0]]])

    alone = draw_triangles(sharp, SHAPE)
    beside = draw_triangles(np.concatenate((sharp, large)), SHAPE)

    np.testing.assert_array_equal(alone[:15], beside[:15])
    assert not alone[:, :9].any()
