"""Small turned text."""

import numpy as np
import pytest

from consumers.handlers.tiles.drawing.labeltext import text_mask, text_width_px


@pytest.mark.parametrize("angle_deg", [-85, 0, 30, 90])
def test_text_lies_within_its_rim_and_box_and_all_within_the_mask(angle_deg: int) -> None:
    mask = text_mask("-1013", 11, angle_deg, 1.5)

    assert mask.text.shape == mask.rim.shape == mask.box.shape
    assert mask.text.shape[0] % 2 == 0
    assert (mask.rim >= mask.text).all()
    assert mask.box[mask.text > 0].min() > 0
    for part in mask:
        assert not np.concatenate((part[0], part[-1], part[:, 0], part[:, -1])).any()


@pytest.mark.parametrize("angle_deg", [0, 45, 90])
def test_it_stands_in_the_middle(angle_deg: int) -> None:
    text = text_mask("808", 12, angle_deg, 1.5).text.astype(float)

    middle = [np.average(each + 0.5, weights=text) for each in np.indices(text.shape)]

    assert middle == pytest.approx([text.shape[0] / 2] * 2, abs=0.6)


def test_positive_angles_turn_it_counterclockwise() -> None:
    text = text_mask("1111111", 10, 45, 0).text.astype(float)

    rows, cols = np.indices(text.shape) - text.shape[0] / 2

    assert np.average(rows * cols, weights=text) < -10


def test_it_is_as_long_as_it_says() -> None:
    text = text_mask("1013", 14, 0, 0).text

    columns = np.flatnonzero(text.any(axis=0))
    assert np.ptp(columns) == pytest.approx(text_width_px("1013", 14), abs=3)
