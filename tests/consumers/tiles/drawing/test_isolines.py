"""Lines of equal value."""

import numpy as np
import pytest

from consumers.handlers.tiles.drawing.isolines import isolines

Y, X = np.mgrid[0:80, 0:100] + 0.5
CONE = np.hypot(X - 50, Y - 40).astype(np.float32)


def test_a_cone_has_circles() -> None:
    lines = isolines(CONE, (0, 0), [10.0, 25.0])

    assert [line.level for line in lines] == [10.0, 25.0]
    for level, points in lines:
        assert np.hypot(points[:, 0] - 50, points[:, 1] - 40) == pytest.approx(level, abs=0.1)
        np.testing.assert_array_equal(points[0], points[-1])


@pytest.mark.parametrize("cut", [(1, 0), (0, 1), (7, 12)])
def test_another_part_of_the_field_has_the_same_lines(cut: tuple[int, int]) -> None:
    """Whichever pixel a part starts with: samples are counted in the world."""
    right, down = cut
    whole = isolines(CONE, (1001, 52), [20.0])[0].points
    part = isolines(CONE[down:, right:], (1001 + right, 52 + down), [20.0])[0].points

    # A closed line may start elsewhere, and then repeats another point.
    moved = np.rint((part + np.array(cut)) * 1024)
    assert {tuple(point) for point in moved} == {tuple(point) for point in np.rint(whole * 1024)}


def test_where_the_field_is_missing_a_line_ends() -> None:
    field = CONE.copy()
    field[30:50, 55:] = np.nan

    [line] = isolines(field, (0, 0), [20.0])

    assert (line.points[0] != line.points[-1]).any()
    within = (line.points[:, 0] > 55) & (np.abs(line.points[:, 1] - 40) < 9)
    assert not within.any()
    # And not more than the squares that touch missing pixels.
    assert (np.abs(line.points[[0, -1], 1] - 40) < 14).all()


def test_of_nothing_there_are_no_lines() -> None:
    assert isolines(np.full((20, 20), np.nan, dtype=np.float32), (0, 0), [1.0]) == []
    assert isolines(CONE, (0, 0), []) == []
    assert isolines(CONE[:2, :2], (0, 0), [1.0]) == []
    assert isolines(CONE, (0, 0), [1e9]) == []
