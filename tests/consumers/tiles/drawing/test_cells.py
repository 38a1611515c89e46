"""The squares that pictures are cut into."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from consumers.handlers.tiles.drawing.cells import cells

numbers = st.integers(-1000, 2**34)
sizes = st.integers(1, 700)


@given(numbers, numbers, sizes, sizes, st.sampled_from([64, 256, 512]))
def test_they_cover_a_picture_once_and_stand_on_the_world(
    across: int, down: int, height: int, width: int, cell_px: int
) -> None:
    seen = np.zeros((height, width), dtype=int)
    for cell in cells((across, down), (height, width), cell_px):
        seen[cell.rows, cell.cols] += 1
        assert (across + cell.cols.start) // cell_px == (across + cell.cols.stop - 1) // cell_px
        assert (down + cell.rows.start) // cell_px == (down + cell.rows.stop - 1) // cell_px
        assert seen[cell.rows, cell.cols].shape == cell.shape
    assert (seen == 1).all()


def test_a_tile_is_one_and_four_tiles_are_four() -> None:
    assert len(list(cells((512, 256), (256, 256), 256))) == 1
    assert len(list(cells((512, 256), (512, 512), 256))) == 4
