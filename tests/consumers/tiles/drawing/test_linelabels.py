"""Where numbers stand along lines."""

import numpy as np
import pytest

from consumers.handlers.tiles.drawing.isolines import Isoline
from consumers.handlers.tiles.drawing.labeltext import text_mask
from consumers.handlers.tiles.drawing.linelabels import Labels, draw_labels, place_labels

SHAPE = (256, 256)


def straight(x0: float, y0: float, x1: float, y1: float, level: float = 12.0) -> Isoline:
    count = int(np.hypot(x1 - x0, y1 - y0)) + 1
    return Isoline(level, np.linspace((x0, y0), (x1, y1), count))


@pytest.mark.parametrize("seed", range(20))
def test_no_label_leaves_its_cell(seed: int) -> None:
    """Not a bit of text, rim or box touches the border, so none can be cut."""
    random = np.random.default_rng(seed)
    starts, ends = random.uniform(-40, 300, (2, 60, 2))
    lines = [
        straight(start[0], start[1], end[0], end[1], level)
        for start, end, level in zip(starts.tolist(), ends.tolist(), range(980, 1040), strict=True)
    ]
    options = Labels(size_px=random.uniform(8, 16))

    labels = place_labels(lines, options, SHAPE)

    assert labels
    for label in labels:
        mask = text_mask(label.text, options.size_px, label.angle_deg, options.rim_px)
        half = len(mask.rim) // 2
        rows, cols = np.nonzero(mask.rim)
        rows, cols = rows + round(label.y_px) - half, cols + round(label.x_px) - half
        assert 0 <= rows.min() <= rows.max() < 256
        assert 0 <= cols.min() <= cols.max() < 256


def test_it_stands_on_its_line_upright_and_along_it() -> None:
    [label] = place_labels([straight(10, 200, 200, 10)], Labels(), SHAPE)[:1]

    assert label.text == "12"
    assert label.x_px + label.y_px == pytest.approx(210, abs=0.5)
    assert label.angle_deg == 45
    [back] = place_labels([straight(200, 10, 10, 200)], Labels(), SHAPE)[:1]
    assert back.angle_deg == 45


def test_labels_keep_clear_of_each_other() -> None:
    lines = [straight(5, 20 + 9 * step, 250, 20 + 9 * step, step) for step in range(24)]

    labels = place_labels(lines, Labels(), SHAPE)

    assert len(labels) > 10
    for number, one in enumerate(labels):
        for other in labels[:number]:
            away = np.hypot(one.x_px - other.x_px, one.y_px - other.y_px)
            assert away > (one.width_px + other.width_px) / 2


def test_on_one_line_they_are_far_apart() -> None:
    labels = place_labels([straight(2, 128, 254, 128)], Labels(apart_px=100), SHAPE)

    assert len(labels) >= 2
    assert np.diff(sorted(label.x_px for label in labels)).min() >= 100


def test_where_a_line_winds_there_is_none() -> None:
    turns = np.linspace(0, 40, 2000)
    spiral = np.stack((128 + 8 * np.cos(turns), 128 + 8 * np.sin(turns)), axis=1)

    assert place_labels([Isoline(1013.0, spiral)], Labels(), SHAPE) == []
    assert place_labels([straight(100, 100, 110, 100)], Labels(), SHAPE) == []


def test_numbers_are_in_the_units_that_people_read() -> None:
    assert Labels(factor=0.01).text(101_300) == "1013"
    assert Labels(offset=-273.15).text(273.15) == "0"
    assert Labels(offset=-273.15).text(273.0) == "0"
    assert Labels(decimals=1).text(-2.5) == "-2.5"


def test_lines_are_interrupted_for_them() -> None:
    line = np.full(SHAPE, 255, dtype=np.uint8)
    options = Labels(rim=None)
    labels = place_labels([straight(2, 128, 254, 128)], options, SHAPE)[:1]

    inks = draw_labels(labels, options, [line], SHAPE)

    assert [ink.colour for ink in inks] == [options.colour]
    assert line[inks[0].coverage == 255].max() == 0
    assert line[0, 0] == 255
