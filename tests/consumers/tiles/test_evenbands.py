"""Bands that are as wide as each other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from consumers.handlers.tiles.bands import Float32s
from consumers.handlers.tiles.errors import StyleError
from consumers.handlers.tiles.evenbands import EvenBands


@st.composite
def divisions(draw: st.DrawFn) -> EvenBands:
    """Ranges that float32 can divide, anywhere."""
    low = draw(st.floats(-1e6, 1e6))
    return EvenBands(low, low + draw(st.floats(0.01, 100)) * max(1, abs(low)), draw(COUNTS))


COUNTS = st.integers(1, 253)


@settings(deadline=None)
@given(divisions(), arrays.arrays(np.float32, 50, elements=st.floats(width=32)))
def test_a_product_answers_as_a_search_does(bands: EvenBands, values: Float32s) -> None:
    """Over any values, and next to every threshold."""
    edges = bands.thresholds
    below = np.nextafter(edges, np.float32(-np.inf), dtype=np.float32)
    near = np.concatenate((values, edges, below))

    expected = np.where(np.isnan(near), 0, 1 + np.searchsorted(edges, near, side="right"))

    np.testing.assert_array_equal(bands.indices(near), expected)


@settings(deadline=None)
@given(divisions())
def test_bands_begin_where_an_even_division_begins_them(bands: EvenBands) -> None:
    """Within a thousandth of a band and the rounding of float32."""
    edges = bands.thresholds.astype(np.float64)
    even = np.linspace(edges[0], edges[-1], len(edges))
    rounding = np.spacing(np.abs(bands.thresholds).max())
    width = (edges[-1] - edges[0]) / (len(edges) - 1)

    assert np.abs(edges - even).max() <= width / 100 + 4 * rounding


@pytest.mark.parametrize(
    ("low", "high", "count"),
    [(0, 1, 0), (0, 1, 254), (1, 0, 3), (2, 2, 3), (101_325, 101_326, 253), (0, 1e-44, 9)],
)
def test_what_float32_cannot_tell_apart_is_refused(low: float, high: float, count: int) -> None:
    with pytest.raises(StyleError, match="cannot be told apart"):
        EvenBands(low, high, count)
