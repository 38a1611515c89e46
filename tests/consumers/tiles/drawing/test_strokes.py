"""A pixel's coverage follows from its distance to the nearest stroke, and from nothing else."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumers.handlers.tiles.drawing.coverage import Coverage
from consumers.handlers.tiles.drawing.strokes import Strokes, draw_strokes, path

SHAPE = (40, 56)


@st.composite
def some_strokes(draw: st.DrawFn) -> Strokes:
    """Short and long ones, points, and some beside the picture."""
    count = draw(st.integers(0, 12))
    random = np.random.default_rng(draw(st.integers(0, 10_000)))
    starts = random.uniform(-30, 80, (count, 1, 2))
    ways = random.normal(0, draw(st.sampled_from([0.0, 1.0, 12.0, 90.0])), (count, 1, 2))
    return np.concatenate((starts, starts + ways), axis=1)


widths = st.sampled_from([0.4, 1.0, 1.2, 2.5, 7.0])


def exact(strokes: Strokes, width_px: float, shape: tuple[int, int]) -> npt.NDArray[np.float64]:
    """Every pixel compared with every stroke, in float64."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]] + 0.5
    nearest = np.full(shape, np.inf)
    for (x0, y0), (x1, y1) in np.rint(strokes * 256) / 256:
        dx, dy = x1 - x0, y1 - y0
        share = ((x - x0) * dx + (y - y0) * dy) / max(dx * dx + dy * dy, 1e-12)
        share = np.clip(share, 0, 1)
        nearest = np.minimum(nearest, np.hypot(x - x0 - share * dx, y - y0 - share * dy))
    covered = np.clip(max(width_px, 1) / 2 + 0.5 - nearest, 0, 1)
    return 255 * min(width_px, 1) * covered


@settings(deadline=None)
@given(some_strokes(), widths)
def test_it_is_what_comparing_every_pixel_with_every_stroke_gives(
    strokes: Strokes, width_px: float
) -> None:
    """To one step of 255, and one more where a long stroke is cut at rounded places."""
    drawn = draw_strokes(strokes, width_px, SHAPE)

    assert drawn.shape == SHAPE
    assert np.abs(drawn - exact(strokes, width_px, SHAPE)).max() <= 2


@settings(deadline=None)
@given(some_strokes(), widths, st.integers(-70_000, 70_000), st.integers(1, 39), st.integers(1, 55))
def test_a_picture_that_is_cut_is_the_same_to_the_last_bit(
    strokes: Strokes, width_px: float, away: int, row: int, col: int
) -> None:
    """The parts count pixels from their own corners."""
    strokes = np.rint(strokes * 256) / 256 + away - away
    whole = draw_strokes(strokes, width_px, SHAPE)

    def part(top: int, left: int, height: int, width: int) -> Coverage:
        return draw_strokes(strokes - (left, top), width_px, (height, width))

    height, width = SHAPE
    upper = np.hstack((part(0, 0, row, col), part(0, col, row, width - col)))
    lower = np.hstack((part(row, 0, height - row, col), part(row, col, height - row, width - col)))
    np.testing.assert_array_equal(np.vstack((upper, lower)), whole)


@settings(deadline=None)
@given(some_strokes(), widths)
def test_neither_order_nor_repetition_matters(strokes: Strokes, width_px: float) -> None:
    one = draw_strokes(strokes, width_px, SHAPE)
    other = draw_strokes(np.concatenate((strokes[::-1], strokes)), width_px, SHAPE)

    np.testing.assert_array_equal(one, other)


def test_a_thin_stroke_is_a_faint_one() -> None:
    line = np.array([[[0.0, 10.5], [50.0, 10.5]]])

    assert draw_strokes(line, 1.0, SHAPE)[10, 20] == 255
    assert draw_strokes(line, 0.5, SHAPE)[10, 20] == 128
    np.testing.assert_array_equal(draw_strokes(line, 1.0, SHAPE)[[9, 11], 20], 0)


@pytest.mark.parametrize("width_px", [1.0, 2.0, 3.0, 6.0])
def test_a_line_is_as_wide_as_it_says(width_px: float) -> None:
    line = np.array([[[0.0, 20.3], [56.0, 20.3]]])

    assert draw_strokes(line, width_px, SHAPE)[:, 30].sum() / 255 == pytest.approx(
        width_px, abs=0.02
    )


def test_many_strokes_are_drawn_in_parts() -> None:
    random = np.random.default_rng(1)
    strokes = random.uniform(0, 50, (5000, 1, 2)) + random.normal(0, 2, (5000, 2, 2))

    several = [draw_strokes(part, 2.0, SHAPE) for part in np.array_split(strokes, 7)]

    np.testing.assert_array_equal(draw_strokes(strokes, 2.0, SHAPE), np.maximum.reduce(several))


def test_a_path_leads_from_point_to_point() -> None:
    points = np.array([[0.0, 0.0], [1.0, 2.0], [3.0, 4.0]])

    np.testing.assert_array_equal(path(points), [[[0, 0], [1, 2]], [[1, 2], [3, 4]]])
    assert path(points[:1]).shape == (0, 2, 2)
